-- The computed championship equals the standings of Jolpica, which it does not use: points of every entrant after the last
-- round with standings, and the rank of those with points. The differences of seed championship_known_differences are known;
-- further ones mean a rule that championship_rules lacks, or a correction that one endpoint has and the other does not. A
-- warning, because both are served.
{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'championship_progression'}}}) }}
with published as (
    select
        'drivers' as championship, standings.season, standings.round as round_number, people.driver_id as entrant_id,
        standings.points, standings.position as championship_rank, standings.position_text
    from {{ ref('silver_jolpica_driver_standings') }} as standings
    inner join {{ ref('dim_people') }} as people
        on standings.driver_id = people.jolpica_driver_id

    union all

    select 'teams', season, round, constructor_id, points, position, position_text
    from {{ ref('silver_jolpica_constructor_standings') }}
),

known as (
    select
        championship,
        season,
        round_number,
        entrant_id,
        max(case when column_name = 'points' then source_value end) as points,
        max(case when column_name = 'championship_rank' then source_value end) as championship_rank
    from {{ ref('championship_known_differences') }}
    group by championship, season, round_number, entrant_id
)

select
    published.championship,
    published.season,
    published.round_number,
    published.entrant_id,
    published.points as published_points,
    ours.points,
    published.championship_rank as published_rank,
    ours.championship_rank
from published
left join {{ ref('championship_progression') }} as ours
    on
        published.championship = ours.championship
        and published.season = ours.season
        and published.round_number = ours.round_number
        and published.entrant_id = ours.entrant_id
left join known
    on
        published.championship = known.championship
        and published.season = known.season
        and published.round_number = known.round_number
        and published.entrant_id = known.entrant_id
where
    coalesce(ours.is_complete, true)
    and (
        ours.points is null
        or abs(coalesce(known.points, ours.points) - published.points) > 0.005
        or (
            published.points > 0
            -- an excluded entrant is listed last, with a letter for a position
            and ours.exclusion is distinct from published.position_text
            and coalesce(known.championship_rank, ours.championship_rank) is distinct from published.championship_rank
        )
    )
