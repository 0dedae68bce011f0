{#-
One row per session and driver. Times, sectors and speeds use the valid laps; the counts give the number of laps.
Means and deviations are computed in integer milliseconds (macros/statistics.sql).
-#}
with summed as (
    select
        session_key,
        driver_number,
        max(meeting_key) as meeting_key,
        max(season) as season,
        {{ carried_driver_columns(aggregate='max') }},
        count(*) as total_laps,
        count(case when is_valid_lap then 1 end) as valid_laps,
        count(case when is_pit_out_lap then 1 end) as pit_out_laps,
        count(case when sector_completeness = 'Complete' then 1 end) as complete_sector_laps,
        min(case when is_valid_lap then lap_duration end) as fastest_lap_time,
        max(case when is_valid_lap then lap_duration end) as slowest_lap_time,
        {{ mean_seconds('lap_duration', 'is_valid_lap') | indent(8) }} as avg_lap_time,
        median(case when is_valid_lap then lap_duration end) as median_lap_time,
        {{ stddev_seconds('lap_duration', 'is_valid_lap') | indent(8) }} as stddev_lap_time,
        {{ mean_seconds('duration_sector_1', 'is_valid_lap') | indent(8) }} as avg_sector_1,
        {{ mean_seconds('duration_sector_2', 'is_valid_lap') | indent(8) }} as avg_sector_2,
        {{ mean_seconds('duration_sector_3', 'is_valid_lap') | indent(8) }} as avg_sector_3,
        min(case when is_valid_lap then duration_sector_1 end) as best_sector_1,
        min(case when is_valid_lap then duration_sector_2 end) as best_sector_2,
        min(case when is_valid_lap then duration_sector_3 end) as best_sector_3,
        max(case when is_valid_lap then max_speed end) as top_speed,
        avg(case when is_valid_lap then max_speed end) as avg_speed
    from {{ ref('fact_laps') }}
    group by session_key, driver_number
)

select
    {{ surrogate_key(['session_key', 'driver_number']) | indent(4) }} as driver_session_key,
    session_key,
    meeting_key,
    season,
    driver_number,
    {{ carried_driver_columns() }},
    cast(total_laps as integer) as total_laps,
    cast(valid_laps as integer) as valid_laps,
    cast(pit_out_laps as integer) as pit_out_laps,
    cast(complete_sector_laps as integer) as complete_sector_laps,
    round(100.0 * valid_laps / nullif(total_laps, 0), 2) as valid_lap_percentage,
    fastest_lap_time,
    slowest_lap_time,
    avg_lap_time,
    round(median_lap_time, 6) as median_lap_time,
    stddev_lap_time,
    round(slowest_lap_time - fastest_lap_time, 3) as lap_time_range,
    avg_sector_1,
    avg_sector_2,
    avg_sector_3,
    best_sector_1,
    best_sector_2,
    best_sector_3,
    -- null when a sector is missing: two sectors are not a lap
    round(best_sector_1 + best_sector_2 + best_sector_3, 3) as theoretical_best_lap,
    top_speed,
    round(avg_speed, 6) as avg_speed,
    round(stddev_lap_time / nullif(avg_lap_time, 0), 6) as consistency_coefficient
from summed
