{#-
One row per driver and lap, with its context: everything in fact_laps that is computed within one session. Not published.

The steps before: int_lap_times (start, end, laps after the flag), int_lap_validity (which laps are valid, deleted, green),
int_line_crossings (order and gap over the line). This model adds tyre, position, gap, weather and the ranks among valid laps;
other laps have null ranks. Laps without a time are kept: the first lap of a race often has none. Laps after the chequered
flag of a race stay here, flagged, and reach no other model.

Incremental by session: the windows and as-of joins below hold all laps of their input in memory. fact_laps adds names and teams,
which may change without a pull of the session.
-#}
with changed as (
    {{ changed_sessions([
        ref('silver_laps'),
        ref('silver_positions'),
        ref('silver_intervals'),
        ref('silver_weather'),
        '(select session_key, built_from as pull_id from ' ~ ref('int_lap_times') ~ ') as lap_times'
    ]) }}
),

positions as (
    select session_key, driver_number, date, position
    from {{ ref('silver_positions') }}
    where session_key in (select session_key from changed)
),

intervals as (
    select session_key, driver_number, date, gap_to_leader_s
    from {{ ref('silver_intervals') }}
    where session_key in (select session_key from changed)
),

weather as (
    select session_key, date, air_temperature, track_temperature, is_raining
    from {{ ref('silver_weather') }}
    where session_key in (select session_key from changed)
),

laps as (
    select
        served.*,
        times.lap_start_at,
        times.lap_end_at,
        times.is_after_chequered_flag,
        times.is_out_lap,
        times.has_impossible_time,
        validity.is_pit_in_lap,
        validity.is_deleted,
        validity.deletion_reason,
        validity.track_status,
        validity.is_valid_lap as is_final_valid_lap,
        validity.is_green_lap,
        crossings.line_position,
        crossings.line_gap_s,
        stints.stint_number,
        stints.compound,
        stints.tyre_age_at_start + served.lap_number - stints.lap_start as tyre_age_laps,
        -- positions and gaps of a crossing are served up to a second after it
        {{ add_seconds('times.lap_end_at', var('line_message_delay_s')) }} as line_messages_until,
        changed.built_from
    from {{ ref('silver_laps') }} as served
    inner join changed on served.session_key = changed.session_key
    inner join {{ ref('int_lap_times') }} as times
        on
            served.session_key = times.session_key
            and served.driver_number = times.driver_number
            and served.lap_number = times.lap_number
    inner join {{ ref('int_lap_validity') }} as validity
        on
            served.session_key = validity.session_key
            and served.driver_number = validity.driver_number
            and served.lap_number = validity.lap_number
    left join {{ ref('int_line_crossings') }} as crossings
        on
            served.session_key = crossings.session_key
            and served.driver_number = crossings.driver_number
            and served.lap_number = crossings.lap_number
    left join {{ ref('silver_stints') }} as stints
        on
            served.session_key = stints.session_key
            and served.driver_number = stints.driver_number
            and served.lap_number between stints.lap_start and stints.lap_end
),

with_position as (
    {{ asof_join(
        'laps', 'positions', ['session_key', 'driver_number'], 'line_messages_until', 'date',
        {'position': 'served_position'}
    ) | indent(4) }}
),

with_gap as (
    {{ asof_join(
        'with_position', 'intervals', ['session_key', 'driver_number'], 'line_messages_until', 'date',
        {'gap_to_leader_s': 'last_gap_to_leader_s', 'date': 'gap_served_at'}
    ) | indent(4) }}
),

with_weather as (
    {{ asof_join(
        'with_gap', 'weather', ['session_key'], 'lap_end_at', 'date',
        {
            'air_temperature': 'last_air_temperature', 'track_temperature': 'last_track_temperature',
            'is_raining': 'last_is_raining', 'date': 'weather_served_at'
        }
    ) | indent(4) }}
),

ranked as (
    select
        *,
        {{ seconds_between('gap_served_at', 'lap_end_at') }} <= {{ var('max_gap_age_s') }} as has_gap,
        {{ seconds_between('weather_served_at', 'lap_end_at') }} <= {{ var('max_weather_age_s') }} as has_weather,
        -- over the valid laps alone: the flag is part of the partition, and its other half is not shown
        row_number() over (
            partition by session_key, driver_number, is_final_valid_lap order by lap_duration, lap_number
        ) as rank_of_driver,
        rank() over (partition by session_key, is_final_valid_lap order by lap_duration) as rank_of_session,
        min(case when is_final_valid_lap then lap_duration end) over (
            partition by session_key, driver_number
        ) as driver_best_lap_time
    from with_weather
),

stint_pace as (
    select session_key, driver_number, coalesce(stint_number, 0) as stint_number, median(lap_duration) as median_lap
    from ranked
    where is_green_lap
    group by session_key, driver_number, coalesce(stint_number, 0)
)

select
    ranked.session_key,
    meeting_key,
    season,
    ranked.driver_number,
    lap_number,
    date_start,
    lap_start_at,
    lap_end_at,
    lap_duration,
    duration_sector_1,
    duration_sector_2,
    duration_sector_3,
    calculated_lap_duration,
    sector_duration_delta,
    sector_completeness,
    intermediate_1_speed,
    intermediate_2_speed,
    speed_trap_speed,
    max_speed,
    is_final_valid_lap as is_valid_lap,
    has_impossible_time as is_impossible_time,
    is_deleted,
    deletion_reason,
    is_after_chequered_flag,
    is_out_lap as is_pit_out_lap,
    is_pit_in_lap,
    cast(case when is_final_valid_lap then rank_of_driver end as integer) as driver_lap_rank,
    cast(case when is_final_valid_lap then rank_of_session end as integer) as session_lap_time_rank,
    driver_best_lap_time,
    case when is_final_valid_lap then round(lap_duration - driver_best_lap_time, 3) end as delta_to_personal_best,
    is_final_valid_lap and rank_of_driver = 1 as is_personal_best_lap,
    ranked.stint_number,
    compound,
    cast(tyre_age_laps as integer) as tyre_age_laps,
    cast(case when lap_end_at is not null then coalesce(line_position, served_position) end as integer)
        as position_at_lap_end,
    case when lap_end_at is not null then coalesce(line_gap_s, case when has_gap then last_gap_to_leader_s end) end
        as gap_to_leader_s,
    track_status,
    coalesce(is_green_lap and lap_duration <= {{ var('clean_lap_max_ratio') }} * median_lap, false) as is_clean_lap,
    case when has_weather then last_air_temperature end as air_temperature,
    case when has_weather then last_track_temperature end as track_temperature,
    case when has_weather then last_is_raining end as is_raining,
    pulled_at,
    built_from
from ranked
left join stint_pace
    on
        ranked.session_key = stint_pace.session_key
        and ranked.driver_number = stint_pace.driver_number
        and coalesce(ranked.stint_number, 0) = stint_pace.stint_number
