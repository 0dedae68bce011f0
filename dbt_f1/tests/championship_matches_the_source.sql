-- The computed championship equals the published one, where the source publishes it: points and rank of every driver and team
-- after a race, in seasons without missing rounds. A warning, because the endpoints of the source are in beta.
{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'championship_progression'}}}) }}
with published as (
    select
        'drivers' as championship, standings.session_key, drivers.driver_id as entrant_id,
        standings.points_current as points, standings.position_current as championship_rank
    from {{ ref('silver_championship_drivers') }} as standings
    inner join {{ ref('int_session_drivers') }} as drivers
        on standings.session_key = drivers.session_key and standings.driver_number = drivers.driver_number

    union all

    select 'teams', session_key, team_id, points_current, position_current
    from {{ ref('silver_championship_teams') }}
)

select
    coalesce(published.championship, ours.championship) as championship,
    coalesce(published.session_key, ours.session_key) as session_key,
    coalesce(published.entrant_id, ours.published_id) as entrant_id,
    published.points as published_points,
    ours.points,
    published.championship_rank as published_rank,
    ours.championship_rank
from published
full outer join (
    select *, case championship when 'teams' then team_id else entrant_id end as published_id
    from {{ ref('championship_progression') }}
) as ours
    on
        published.championship = ours.championship
        and published.session_key = ours.session_key
        and published.entrant_id = ours.published_id
where
    -- the standings after a sprint are those in the middle of a round
    coalesce(published.session_key, ours.session_key) in (
        select session_key from {{ ref('championship_progression') }} where is_complete
    )
    and coalesce(published.session_key, ours.session_key) in (select session_key from published)
    and (
        published.points is distinct from ours.points
        or published.championship_rank is distinct from ours.championship_rank
    )
    -- the source lists only drivers of the session; points of other drivers are in later rows
    and published.session_key is not null
