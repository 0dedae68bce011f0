-- The last round of each championship has the sum of all points of the season's races and sprints, dropped results included.
-- Where only the best car of a constructor scored (until 1978), the sum is that of the best cars and not tested.
{{ config(meta={'dagster': {'ref': {'name': 'championship_progression'}}}) }}
with awarded as (
    select season, round_number, driver_id, constructor_id, team_id, points
    from {{ ref('fact_race_results') }}
    where session_category in ('Race', 'Sprint') and round_number is not null
),

expected as (
    select 'drivers' as championship, season, sum(points) as points
    from awarded
    where driver_id not like 'unknown-%'
    group by season

    union all

    select 'teams' as championship, awarded.season, sum(awarded.points) as points
    from awarded
    inner join {{ ref('championship_rules') }} as rules
        on
            rules.championship = 'teams'
            and awarded.season between rules.first_season and rules.last_season
            and not rules.counts_best_car_only
    where awarded.team_id <> 'unknown-team' and awarded.constructor_id is not null
    group by awarded.season
),

last_rounds as (
    select season, max(round_number) as round_number from {{ ref('championship_progression') }} group by season
),

summed as (
    select held.championship, held.season, sum(held.gross_points) as points
    from {{ ref('championship_progression') }} as held
    inner join last_rounds
        on held.season = last_rounds.season and held.round_number = last_rounds.round_number
    group by held.championship, held.season
)

select expected.championship, expected.season, expected.points as awarded, summed.points as in_the_championship
from expected
left join summed
    on expected.championship = summed.championship and expected.season = summed.season
where abs(coalesce(expected.points, 0) - coalesce(summed.points, 0)) > 0.001
