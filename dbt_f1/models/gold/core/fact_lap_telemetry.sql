{{ config(materialized='incremental', incremental_strategy='replace_partitions', on_schema_change='fail') }}
{#-
One row per driver and lap with the aggregated samples of the lap. Shares count the samples that have a signal (104 means no
signal); `samples` and `covered_share` show how many samples a lap has. Incremental by session, as fact_telemetry.
-#}
with changed as (
    {{ changed_sessions(['(select session_key, built_from as pull_id from ' ~ ref('fact_telemetry') ~ ') as telemetry']) }}
),

samples as (
    select
        telemetry.*,
        changed.built_from as telemetry_built_from,
        lag(telemetry.n_gear) over lap_samples as previous_gear,
        lag(telemetry.lap_elapsed_s) over lap_samples as previous_elapsed_s,
        lag(telemetry.position_x) over lap_samples as previous_x,
        lag(telemetry.position_y) over lap_samples as previous_y,
        lag(telemetry.position_z) over lap_samples as previous_z
    from {{ ref('fact_telemetry') }} as telemetry
    inner join changed on telemetry.session_key = changed.session_key
    where telemetry.lap_number is not null
    window lap_samples as (
        partition by telemetry.session_key, telemetry.driver_number, telemetry.lap_number order by telemetry.date
    )
),

summed as (
    select
        session_key,
        driver_number,
        lap_number,
        max(meeting_key) as meeting_key,
        max(season) as season,
        {{ carried_driver_columns(aggregate='max') }},
        count(*) as samples,
        max(speed) as top_speed_kmh,
        min(speed) as min_speed_kmh,
        sum(speed) / nullif(cast(count(speed) as {{ type_double() }}), 0) as mean_speed_kmh,
        count(case when throttle >= {{ var('full_throttle_percent') }} then 1 end)
        / nullif(cast(count(throttle) as {{ type_double() }}), 0) as full_throttle_share,
        count(case when brake > 0 then 1 end) / nullif(cast(count(brake) as {{ type_double() }}), 0) as braking_share,
        count(case when is_drs_open then 1 end) / nullif(cast(count(drs) as {{ type_double() }}), 0) as drs_share,
        count(case when n_gear <> previous_gear then 1 end) as gear_changes,
        max(rpm) as top_rpm,
        max_by(speed, date) as last_speed,
        max(lap_elapsed_s) as last_elapsed_s,
        max(lap_distance_m) as last_distance_m,
        sum(
            case
                when lap_elapsed_s - coalesce(previous_elapsed_s, 0) <= {{ var('max_location_offset_s') }}
                    then {{ milliseconds('lap_elapsed_s - coalesce(previous_elapsed_s, 0)') }}
            end
        ) as covered_ms,
        -- in integer millimetres: a sum of doubles would depend on the order of the rows
        sum(cast(round(100 * sqrt(
            cast(position_x - previous_x as {{ type_double() }}) * (position_x - previous_x)
            + cast(position_y - previous_y as {{ type_double() }}) * (position_y - previous_y)
            + cast(position_z - previous_z as {{ type_double() }}) * (position_z - previous_z)
        )) as bigint)) as path_mm,
        max(pulled_at) as pulled_at,
        max(telemetry_built_from) as built_from
    from samples
    group by session_key, driver_number, lap_number
),

-- adds the distance from the last sample to the line, at the last speed
with_end as (
    select
        summed.*,
        laps.lap_duration,
        {{ seconds_between('laps.lap_start_at', 'laps.lap_end_at') }} as length_s
    from summed
    left join {{ ref('fact_laps') }} as laps
        on
            summed.session_key = laps.session_key
            and summed.driver_number = laps.driver_number
            and summed.lap_number = laps.lap_number
)

select
    {{ surrogate_key(['session_key', 'driver_number', 'lap_number']) | indent(4) }} as lap_telemetry_key,
    session_key,
    meeting_key,
    season,
    driver_number,
    {{ carried_driver_columns() }},
    lap_number,
    cast(samples as integer) as samples,
    case when length_s > 0 then round(least(1.0, covered_ms / (1000.0 * length_s)), 4) end as covered_share,
    top_speed_kmh,
    min_speed_kmh,
    round(mean_speed_kmh, 2) as mean_speed_kmh,
    round(full_throttle_share, 4) as full_throttle_share,
    round(braking_share, 4) as braking_share,
    round(drs_share, 4) as drs_share,
    cast(gear_changes as integer) as gear_changes,
    top_rpm,
    round(last_distance_m + coalesce((length_s - last_elapsed_s) * last_speed / 3.6, 0), 1) as distance_m,
    round(path_mm / 1000.0, 1) as path_length_m,
    pulled_at,
    built_from
from with_end
