{#-
One row a driver and lap, with what was going on around it: all of fact_laps that follows from its session alone. Not published.

Incremental by session: the windows and as-of joins below hold all laps that they are given at once. Names and teams are
left to fact_laps; they may change without a pull of the session.

Ranks and bests look at valid laps only (`is_valid_lap`, decided in silver_laps); other laps have null there. No lap is
dropped for want of a time: the first lap of a race often has none.
-#}
with touched as (
    {{ touched_sessions([
        ref('silver_laps'),
        ref('silver_positions'),
        ref('silver_intervals'),
        ref('silver_weather'),
        ref('silver_race_control'),
        ref('silver_pit_stops'),
        ref('silver_stints'),
        '(select session_key, session_category as pull_id from ' ~ ref('silver_sessions') ~ ') as categories'
    ]) }}
),

laps as (
    select
        silver_laps.*,
        touched.built_from,
        lag(lap_number) over driver_laps = lap_number - 1 as follows_previous,
        lead(lap_number) over driver_laps = lap_number + 1 as precedes_next,
        lag(date_start) over driver_laps as previous_start,
        lag(lap_duration) over driver_laps as previous_duration,
        lead(date_start) over driver_laps as next_start,
        lead(is_pit_out_lap) over driver_laps as next_is_pit_out_lap
    from {{ ref('silver_laps') }} as silver_laps
    inner join touched on silver_laps.session_key = touched.session_key
    window driver_laps as (partition by silver_laps.session_key, driver_number order by lap_number)
),

positions as (
    select session_key, driver_number, date, position
    from {{ ref('silver_positions') }}
    where session_key in (select session_key from touched)
),

intervals as (
    select session_key, driver_number, date, gap_to_leader_s
    from {{ ref('silver_intervals') }}
    where session_key in (select session_key from touched)
),

weather as (
    select session_key, date, air_temperature, track_temperature, is_raining
    from {{ ref('silver_weather') }}
    where session_key in (select session_key from touched)
),

-- a lap ends where the next one starts; starts that are not served follow from the neighbours
timed as (
    select
        *,
        coalesce(
            date_start,
            case when follows_previous then {{ add_seconds('previous_start', 'previous_duration') }} end,
            case when precedes_next then {{ add_seconds('next_start', '-lap_duration') }} end
        ) as lap_start_at,
        coalesce(
            case when precedes_next then next_start end,
            {{ add_seconds('date_start', 'lap_duration') }}
        ) as lap_end_at
    from laps
),

with_position as (
    {{ asof_join(
        'timed', 'positions', ['session_key', 'driver_number'], 'lap_end_at', 'date',
        {'position': 'served_position'}
    ) | indent(4) }}
),

with_gap as (
    {{ asof_join(
        'with_position', 'intervals', ['session_key', 'driver_number'], 'lap_end_at', 'date',
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

gravest as (
    select timed.session_key, timed.driver_number, timed.lap_number, max(track.gravity) as gravity
    from timed
    inner join {{ ref('int_track_status') }} as track
        on
            timed.session_key = track.session_key
            and track.started_at < timed.lap_end_at
            and (track.ended_at is null or track.ended_at > coalesce(timed.lap_start_at, timed.lap_end_at))
    group by timed.session_key, timed.driver_number, timed.lap_number
),

controlled_sessions as (
    select distinct session_key from {{ ref('silver_race_control') }}
),

pit_laps as (
    select distinct session_key, driver_number, lap_number from {{ ref('silver_pit_stops') }}
),

joined as (
    select
        laps.*,
        {{ seconds_between('laps.gap_served_at', 'laps.lap_end_at') }} <= {{ var('max_gap_age_s') }} as has_gap,
        {{ seconds_between('laps.weather_served_at', 'laps.lap_end_at') }} <= {{ var('max_weather_age_s') }} as has_weather,
        coalesce(sessions.session_category in ('Race', 'Sprint'), false) as is_in_race,
        stints.stint_number,
        stints.compound,
        stints.tyre_age_at_start + laps.lap_number - stints.lap_start as tyre_age_laps,
        pit_laps.lap_number is not null or coalesce(laps.next_is_pit_out_lap and laps.precedes_next, false)
            as is_pit_in_lap,
        case
            when laps.lap_end_at is null or controlled_sessions.session_key is null then null
            when gravest.gravity = 4 then 'Red'
            when gravest.gravity = 3 then 'SC'
            when gravest.gravity = 2 then 'VSC'
            when gravest.gravity = 1 then 'Yellow'
            else 'Green'
        end as track_status,
        -- over the valid laps alone: the flag is part of the partition, and its other half is not shown
        row_number() over (
            partition by laps.session_key, laps.driver_number, laps.is_valid_lap
            order by laps.lap_duration, laps.lap_number
        ) as rank_of_driver,
        rank() over (partition by laps.session_key, laps.is_valid_lap order by laps.lap_duration) as rank_of_session,
        min(case when laps.is_valid_lap then laps.lap_duration end) over (
            partition by laps.session_key, laps.driver_number
        ) as driver_best_lap_time,
        row_number() over (
            partition by laps.session_key, laps.lap_number, laps.lap_end_at is null
            order by laps.lap_end_at, laps.driver_number
        ) as order_over_the_line,
        min(laps.lap_end_at) over (partition by laps.session_key, laps.lap_number) as first_over_the_line
    from with_weather as laps
    left join {{ ref('silver_sessions') }} as sessions
        on laps.session_key = sessions.session_key
    left join {{ ref('silver_stints') }} as stints
        on
            laps.session_key = stints.session_key
            and laps.driver_number = stints.driver_number
            and laps.lap_number between stints.lap_start and stints.lap_end
    left join pit_laps
        on
            laps.session_key = pit_laps.session_key
            and laps.driver_number = pit_laps.driver_number
            and laps.lap_number = pit_laps.lap_number
    left join gravest
        on
            laps.session_key = gravest.session_key
            and laps.driver_number = gravest.driver_number
            and laps.lap_number = gravest.lap_number
    left join controlled_sessions
        on laps.session_key = controlled_sessions.session_key
),

-- a lap that was driven from line to line on a free track; a session without race control counts as green
green as (
    select
        *,
        is_valid_lap
        and not is_pit_in_lap
        and not (is_in_race and lap_number = 1)
        and coalesce(track_status, 'Green') = 'Green' as is_green_lap
    from joined
),

stint_pace as (
    select session_key, driver_number, coalesce(stint_number, 0) as stint_number, median(lap_duration) as median_lap
    from green
    where is_green_lap
    group by session_key, driver_number, coalesce(stint_number, 0)
)

select
    green.session_key,
    meeting_key,
    season,
    green.driver_number,
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
    is_valid_lap,
    is_pit_out_lap,
    is_pit_in_lap,
    cast(case when is_valid_lap then rank_of_driver end as integer) as driver_lap_rank,
    cast(case when is_valid_lap then rank_of_session end as integer) as session_lap_time_rank,
    driver_best_lap_time,
    case when is_valid_lap then round(lap_duration - driver_best_lap_time, 3) end as delta_to_personal_best,
    is_valid_lap and rank_of_driver = 1 as is_personal_best_lap,
    green.stint_number,
    compound,
    cast(tyre_age_laps as integer) as tyre_age_laps,
    cast(
        coalesce(served_position, case when is_in_race and lap_end_at is not null then order_over_the_line end)
        as integer
    ) as position_at_lap_end,
    coalesce(
        case when has_gap then last_gap_to_leader_s end,
        case when is_in_race then round({{ seconds_between('first_over_the_line', 'lap_end_at') }}, 3) end
    ) as gap_to_leader_s,
    track_status,
    coalesce(is_green_lap and lap_duration <= {{ var('clean_lap_max_ratio') }} * median_lap, false) as is_clean_lap,
    case when has_weather then last_air_temperature end as air_temperature,
    case when has_weather then last_track_temperature end as track_temperature,
    case when has_weather then last_is_raining end as is_raining,
    pulled_at,
    built_from
from green
left join stint_pace
    on
        green.session_key = stint_pace.session_key
        and green.driver_number = stint_pace.driver_number
        and coalesce(green.stint_number, 0) = stint_pace.stint_number
