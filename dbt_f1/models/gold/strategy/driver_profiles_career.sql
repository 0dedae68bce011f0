{#-
One row per driver over all seasons, from dry races: five scores, each compared with the team-mates first, then with its number of
observations, its interval and its reliability (int_driver_scores).

A score whose reliability is below 0.4 does not tell drivers apart: `<score>_can_be_told_apart` is false, and a reader should not
rank drivers by it.
-#}
with names as (
    select
        driver_id,
        max_by(name_acronym, session_date) as name_acronym,
        max_by(full_name, session_date) as full_name,
        max_by(team_id, session_date) as team_id,
        max_by(team_name, session_date) as team_name,
        min(season) as first_season,
        max(season) as last_season,
        count(distinct session_key) as races
    from {{ ref('lap_features') }}
    where session_category = 'Race' and driver_id is not null
    group by driver_id
),

scores as (
    select
        driver_id,
        {{ profile_columns() | indent(4) }}
        count(low) as scores
    from {{ ref('int_driver_scores') }}
    where period = 0
    group by driver_id
)

select
    {{ surrogate_key(['names.driver_id']) | indent(4) }} as driver_profile_career_key,
    names.first_season,
    names.last_season,
    names.driver_id,
    names.name_acronym,
    names.full_name,
    names.team_id,
    names.team_name,
    cast(names.races as integer) as races,
    {{- carried_profile_columns('scores') }}
    scores.scores as scores_estimated
from names
inner join scores
    on names.driver_id = scores.driver_id
