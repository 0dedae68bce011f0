{{ config(materialized='incremental', incremental_strategy='replace_partitions', on_schema_change='fail') }}
{#-
One row per sample of a car, about 3.7 samples per second, with speed and controls, location and lap. Published as Delta only.

- location: the nearer one of the last sample of the location feed before and the first one after, at most
  var max_location_offset_s away. The two feeds have different sample times.
- lap: the last lap that started and has not ended. A lap without a known end ends where the car stops, in the garage or next to
  the track. Laps without a known start have no samples.
- distance: trapezoidal rule between samples, from the start of the lap.

Incremental by session: a session is read only if its telemetry, its drivers or the data that sets the bounds of its laps changed.
-#}
with changed as (
    {{ changed_sessions([
        ref('silver_car_data'),
        ref('silver_locations'),
        ref('silver_laps'),
        ref('silver_drivers'),
        ref('silver_race_control'),
        ref('silver_pit_stops'),
        ref('silver_stints'),
        ref('silver_session_results')
    ]) }}
),

-- the later one of two laps with the same start: an as-of join requires a unique time
lap_starts as (
    select
        session_key,
        driver_number,
        lap_start_at,
        max(lap_number) as lap_number,
        max(lap_end_at) as lap_end_at
    from {{ ref('fact_laps') }}
    where lap_start_at is not null and session_key in (select session_key from changed)
    group by session_key, driver_number, lap_start_at
),

locations as (
    select
        session_key,
        driver_number,
        date,
        position_x,
        position_y,
        position_z,
        lead(date) over samples as next_date,
        lead(position_x) over samples as next_x,
        lead(position_y) over samples as next_y,
        lead(position_z) over samples as next_z
    from {{ ref('silver_locations') }}
    where has_position and session_key in (select session_key from changed)
    window samples as (partition by session_key, driver_number order by date)
),

samples as (
    select
        car.session_key,
        car.meeting_key,
        car.season,
        car.driver_number,
        car.date,
        car.rpm,
        car.speed,
        car.n_gear,
        car.throttle,
        car.brake,
        car.drs,
        car.is_drs_open,
        car.pulled_at,
        lag(car.date) over driver_samples as previous_date,
        lag(car.speed) over driver_samples as previous_speed
    from {{ ref('silver_car_data') }} as car
    where car.date is not null and car.session_key in (select session_key from changed)
    window driver_samples as (partition by car.session_key, car.driver_number order by car.date)
),

with_lap as (
    {{ asof_join(
        'samples', 'lap_starts', ['session_key', 'driver_number'], 'date', 'lap_start_at',
        {'lap_number': 'last_lap_number', 'lap_start_at': 'last_lap_start_at', 'lap_end_at': 'last_lap_end_at'}
    ) | indent(4) }}
),

-- read again and not from with_lap: a CTE that is read twice is held in memory, with all of its columns
stationary as (
    select session_key, driver_number, date
    from {{ ref('silver_car_data') }}
    where speed = 0 and date is not null and session_key in (select session_key from changed)
),

stationary_with_lap as (
    {{ asof_join(
        'stationary', 'lap_starts', ['session_key', 'driver_number'], 'date', 'lap_start_at',
        {'lap_number': 'last_lap_number', 'lap_start_at': 'last_lap_start_at', 'lap_end_at': 'last_lap_end_at'}
    ) | indent(4) }}
),

-- on the grid a car does not move at the start of its lap
stops as (
    select session_key, driver_number, last_lap_number, min(date) as stopped_at
    from stationary_with_lap
    where
        last_lap_end_at is null
        and {{ seconds_between('last_lap_start_at', 'date') }} > {{ var('max_grid_wait_s') }}
    group by session_key, driver_number, last_lap_number
),

with_lap_end as (
    select
        with_lap.*,
        coalesce(with_lap.last_lap_end_at, stops.stopped_at) as on_lap_until
    from with_lap
    left join stops
        on
            with_lap.session_key = stops.session_key
            and with_lap.driver_number = stops.driver_number
            and with_lap.last_lap_number = stops.last_lap_number
),

with_location as (
    {{ asof_join(
        'with_lap_end', 'locations', ['session_key', 'driver_number'], 'date', 'date',
        {
            'date': 'before_at', 'position_x': 'before_x', 'position_y': 'before_y', 'position_z': 'before_z',
            'next_date': 'after_at', 'next_x': 'after_x', 'next_y': 'after_y', 'next_z': 'after_z'
        }
    ) | indent(4) }}
),

measured as (
    select
        *,
        coalesce(date < on_lap_until, true) and last_lap_number is not null as is_on_lap,
        {{ seconds_between('before_at', 'date') }} as since_before_s,
        {{ seconds_between('date', 'after_at') }} as until_after_s
    from with_location
),

with_lap_time as (
    select
        *,
        case when is_on_lap then last_lap_number end as lap_number,
        case when is_on_lap then {{ seconds_between('last_lap_start_at', 'date') }} end as lap_elapsed_s,
        -- the first step of a lap starts at the start of the lap
        case
            when is_on_lap
                then least(
                    {{ milliseconds(seconds_between('last_lap_start_at', 'date')) }},
                    coalesce(
                        {{ milliseconds(seconds_between('previous_date', 'date')) }},
                        {{ milliseconds(seconds_between('last_lap_start_at', 'date')) }}
                    )
                )
        end as step_ms,
        coalesce(until_after_s < since_before_s, false) as is_after_nearer,
        case
            when until_after_s < since_before_s then until_after_s
            else -since_before_s
        end as nearest_offset_s
    from measured
),

travelled as (
    select
        *,
        coalesce(abs(nearest_offset_s) <= {{ var('max_location_offset_s') }}, false) as has_location,
        -- integers as doubles: large values exceed 64 bits
        sum(cast(coalesce(previous_speed, speed) + speed as {{ type_double() }}) * step_ms) over (
            partition by session_key, driver_number, lap_number
            order by date rows between unbounded preceding and current row
        ) as lap_path
    from with_lap_time
)

select
    {{ surrogate_key(['travelled.session_key', 'travelled.driver_number', 'travelled.date']) | indent(4) }} as telemetry_key,
    travelled.session_key,
    travelled.meeting_key,
    travelled.season,
    travelled.driver_number,
    {{ driver_columns() }},
    travelled.date,
    travelled.lap_number,
    travelled.lap_elapsed_s,
    -- sum of two speeds in km/h times ms: / 3.6 / 1000 / 2 gives metres
    case when travelled.lap_number is not null then round(travelled.lap_path / 7200, 2) end as lap_distance_m,
    travelled.speed,
    travelled.rpm,
    travelled.n_gear,
    travelled.throttle,
    travelled.brake,
    travelled.drs,
    travelled.is_drs_open,
    case when has_location then case when is_after_nearer then after_x else before_x end end as position_x,
    case when has_location then case when is_after_nearer then after_y else before_y end end as position_y,
    case when has_location then case when is_after_nearer then after_z else before_z end end as position_z,
    case when has_location then round(nearest_offset_s, 3) end as location_offset_s,
    travelled.pulled_at,
    changed.built_from
from travelled
inner join changed on travelled.session_key = changed.session_key
left join {{ ref('int_session_drivers') }} as drivers
    on travelled.session_key = drivers.session_key and travelled.driver_number = drivers.driver_number
left join {{ ref('silver_meetings') }} as meetings
    on travelled.meeting_key = meetings.meeting_key
