-- The last round of each championship has the sum of all points of the season's races and sprints.
{{ config(meta={'dagster': {'ref': {'name': 'championship_progression'}}}) }}
with awarded as (
    select sessions.season, sessions.round_number, results.driver_id, results.team_id, results.points
    from {{ ref('fact_results') }} as results
    inner join {{ ref('dim_sessions') }} as sessions
        on results.session_key = sessions.session_key
    where results.session_category in ('Race', 'Sprint') and sessions.round_number is not null
),

expected as (
    select 'drivers' as championship, season, sum(points) as points from awarded where driver_id is not null group by season
    union all
    select 'teams', season, sum(points) from awarded where team_id <> 'unknown-team' group by season
),

last_rounds as (
    select season, max(round_number) as round_number from {{ ref('championship_progression') }} group by season
),

summed as (
    select held.championship, held.season, sum(held.points) as points
    from {{ ref('championship_progression') }} as held
    inner join last_rounds
        on held.season = last_rounds.season and held.round_number = last_rounds.round_number
    group by held.championship, held.season
)

select expected.championship, expected.season, expected.points as awarded, summed.points as in_the_championship
from expected
full outer join summed
    on expected.championship = summed.championship and expected.season = summed.season
where abs(coalesce(expected.points, 0) - coalesce(summed.points, 0)) > 0.001
