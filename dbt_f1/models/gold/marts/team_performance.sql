{#- One row per session and team, computed from the summaries of its drivers. -#}
with summed as (
    select
        session_key,
        team_id,
        max(meeting_key) as meeting_key,
        max(season) as season,
        max(team_name) as team_name,
        max(constructor_id) as constructor_id,
        max(meeting_name) as meeting_name,
        count(*) as drivers_count,
        count(fastest_lap_time) as drivers_with_time,
        sum(total_laps) as total_laps,
        sum(valid_laps) as valid_laps,
        min(fastest_lap_time) as fastest_lap_time,
        max(fastest_lap_time) as slowest_driver_best,
        avg(fastest_lap_time) as avg_fastest_lap_time,
        max(top_speed) as top_speed,
        avg(avg_speed) as avg_speed,
        avg(consistency_coefficient) as consistency_coefficient
    from {{ ref('driver_session_summary') }}
    group by session_key, team_id
)

select
    {{ surrogate_key(['session_key', 'team_id']) | indent(4) }} as team_session_key,
    session_key,
    meeting_key,
    season,
    team_id,
    constructor_id,
    team_name,
    meeting_name,
    cast(drivers_count as integer) as drivers_count,
    cast(total_laps as integer) as total_laps,
    cast(valid_laps as integer) as valid_laps,
    round(100.0 * valid_laps / nullif(total_laps, 0), 2) as valid_lap_percentage,
    fastest_lap_time,
    round(avg_fastest_lap_time, 6) as avg_fastest_lap_time,
    -- difference between the best laps of the slowest and the fastest driver, not from their mean; null with one driver
    case when drivers_with_time > 1 then round(slowest_driver_best - fastest_lap_time, 3) end as intra_team_gap,
    top_speed,
    round(avg_speed, 6) as avg_speed,
    round(consistency_coefficient, 6) as consistency_coefficient,
    -- teams without a valid lap are last, regardless of how the engine sorts nulls
    cast(
        rank() over (
            partition by session_key
            order by case when fastest_lap_time is null then 1 else 0 end, fastest_lap_time
        ) as integer
    ) as team_rank
from summed
