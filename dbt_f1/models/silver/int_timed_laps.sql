{#-
One row per driver and lap of a race or sprint, with what the lap's own data say at its end, and nothing later: the input of
lap_features. Not published.

int_laps describes a lap as it is known after the session. Here a value comes from the row of the lap, from earlier laps of the
same driver, and from messages, stops and weather up to the end of the lap. In particular:

- `lap_ended_at` comes from the start and the time of the lap. The start of the next lap, which is more exact, is not used. Served
  starts are off by up to 0.5 s, lap times are exact: in a run of timed laps each start, less the laps driven before it, estimates
  the start of the run. The median over the laps so far is used, except for lap 1 and where it contradicts the lap's own start.
- `track_status` is the gravest state between start and end, from messages up to the end. A state ends with the next message that
  ends it; of the rules in int_track_status those that need later laps are left out.
- `stint_number` is the newest stint that has begun. Where the stint ends is not used.
- A stop counts once the car has left the pit lane, so the in-lap itself is not marked.

Incremental by session.
-#}
{%- set event = track_event('messages.category', 'messages.flag', 'messages.scope', 'messages.message') -%}
{#- As in int_track_status: the end of a virtual safety car after its announcement, and the longest way to the pits, s. -#}
{%- set vsc_notice_s = 15 -%}
{%- set longest_way_to_the_pits_s = 300 -%}
with changed as (
    {{ changed_sessions([
        "(select session_key, built_from as pull_id from " ~ ref('int_lap_times') ~ ' where is_in_race) as lap_times',
        ref('silver_weather')
    ]) }}
),

messages as (
    select
        messages.session_key,
        messages.date,
        messages.sector,
        sessions.date_start as scheduled_at,
        {{ event | indent(8) }} as event
    from {{ ref('silver_race_control') }} as messages
    inner join changed on messages.session_key = changed.session_key
    inner join {{ ref('silver_sessions') }} as sessions on messages.session_key = sessions.session_key
    where messages.date is not null
),

served as (
    select
        laps.session_key,
        laps.meeting_key,
        laps.season,
        laps.driver_number,
        laps.lap_number,
        sessions.date_start as scheduled_at,
        changed.built_from,
        laps.is_pit_out_lap,
        laps.duration_sector_1,
        laps.duration_sector_2,
        laps.duration_sector_3,
        laps.intermediate_1_speed,
        laps.intermediate_2_speed,
        laps.speed_trap_speed,
        -- after a red flag the source may serve the restart as the start of lap 1
        case
            when laps.lap_number > 1 or stopped.first_red_at is null or laps.date_start < stopped.first_red_at
                then laps.date_start
        end as started_at,
        case
            when not laps.is_impossible_time and laps.lap_duration between 0 and 86400
                then {{ milliseconds('laps.lap_duration') }}
        end as driven_ms
    from {{ ref('silver_laps') }} as laps
    inner join changed on laps.session_key = changed.session_key
    inner join {{ ref('silver_sessions') }} as sessions on laps.session_key = sessions.session_key
    left join (
        select session_key, min(date) as first_red_at
        from messages
        where event = 'red' and date > scheduled_at
        group by session_key
    ) as stopped on laps.session_key = stopped.session_key
    where sessions.date_start is not null
),

linked as (
    select
        *,
        cast(round(1000 * {{ seconds_between('scheduled_at', 'started_at') }}) as bigint) as start_ms,
        case
            when
                lap_number > 2
                and lag(lap_number) over driver_laps = lap_number - 1
                and lag(driven_ms) over driver_laps <= 1000 * {{ var('max_valid_lap_s') }}
                then 0
            else 1
        end as begins_run
    from served
    window driver_laps as (partition by session_key, driver_number order by lap_number)
),

runs as (
    select
        *,
        sum(begins_run) over (
            partition by session_key, driver_number order by lap_number rows between unbounded preceding and current row
        ) as run
    from linked
),

elapsed as (
    select
        *,
        cast(coalesce(
            sum(driven_ms) over (
                partition by session_key, driver_number, run order by lap_number
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as bigint) as elapsed_ms
    from runs
),

-- the median over the laps up to each lap
run_starts as (
    select
        laps.session_key,
        laps.driver_number,
        laps.lap_number,
        median(earlier.start_ms - earlier.elapsed_ms) as run_start_ms
    from elapsed as laps
    inner join elapsed as earlier
        on
            laps.session_key = earlier.session_key
            and laps.driver_number = earlier.driver_number
            and laps.run = earlier.run
            and laps.lap_number >= earlier.lap_number
    group by laps.session_key, laps.driver_number, laps.lap_number
),

ended as (
    select
        elapsed.*,
        case
            when
                elapsed.lap_number > 1
                and abs(run_starts.run_start_ms + elapsed.elapsed_ms - elapsed.start_ms)
                <= 1000 * {{ var('max_start_error_s') }}
                then cast(round(run_starts.run_start_ms) as bigint) + elapsed.elapsed_ms + elapsed.driven_ms
            else elapsed.start_ms + elapsed.driven_ms
        end as line_ms
    from elapsed
    left join run_starts
        on
            elapsed.session_key = run_starts.session_key
            and elapsed.driver_number = run_starts.driver_number
            and elapsed.lap_number = run_starts.lap_number
),

laps as (
    select
        ended.*,
        {{ add_seconds('scheduled_at', 'line_ms / 1000.0') }} as lap_ended_at,
        coalesce(started_at, {{ add_seconds('scheduled_at', '(line_ms - driven_ms) / 1000.0') }}) as on_track_from,
        -- the start of the race as this car's laps so far show it
        min(started_at) over (
            partition by session_key, driver_number order by lap_number rows between unbounded preceding and current row
        ) as race_started_at
    from ended
),

-- each state that a message begins, until the first message that ends it
periods as (
    select
        begun.session_key,
        begun.event,
        begun.sector,
        begun.date as started_at,
        case when begun.event = 'rolling_start' then begun.date else min(finished.ended_at) end as ended_at,
        case begun.event when 'red' then 4 when 'vsc' then 2 when 'yellow' then 1 else 3 end as gravity
    from messages as begun
    left join (
        select
            session_key,
            date,
            sector,
            event,
            case when event = 'vsc_ending' then {{ add_seconds('date', vsc_notice_s) }} else date end as ended_at
        from messages
        where event is not null
    ) as finished
        on
            begun.session_key = finished.session_key
            and (
                begun.date < finished.date
                or (begun.date = finished.date and begun.event = 'yellow' and finished.event <> 'red')
            )
            and case begun.event
                when 'red' then finished.event in ('standing_start', 'rolling_start', 'behind_sc', 'started')
                when 'vsc' then finished.event in ('clear', 'standing_start', 'red', 'sc', 'vsc_ending')
                when 'yellow'
                    then
                        finished.event in ('clear', 'red')
                        or (finished.event = 'sector_clear' and begun.sector = finished.sector)
                else finished.event in ('clear', 'standing_start', 'red', 'sc_ending')
            end
    where begun.event in ('red', 'sc', 'behind_sc', 'restart_behind_sc', 'rolling_start', 'vsc', 'yellow')
    group by begun.session_key, begun.event, begun.sector, begun.date
),

states as (
    select laps.session_key, laps.driver_number, laps.lap_number, max(periods.gravity) as gravity
    from laps
    inner join periods
        on
            laps.session_key = periods.session_key
            and periods.started_at <= laps.lap_ended_at
            and (
                periods.ended_at is null
                or periods.ended_at > laps.on_track_from
                or (periods.event = 'rolling_start' and periods.started_at > laps.started_at)
            )
            and case periods.event
                when 'yellow' then periods.started_at >= laps.race_started_at
                when 'red'
                    then
                        laps.started_at is null
                        or laps.started_at <= {{ add_seconds('periods.started_at', longest_way_to_the_pits_s) }}
                else true
            end
    group by laps.session_key, laps.driver_number, laps.lap_number
),

first_messages as (
    select session_key, min(date) as first_message_at from messages group by session_key
),

stints as (
    select
        session_key,
        driver_number,
        stint_number,
        compound,
        tyre_age_at_start,
        lap_start,
        lead(lap_start) over (partition by session_key, driver_number order by lap_start, stint_number) as next_lap_start
    from {{ ref('silver_stints') }}
    where lap_start is not null and session_key in (select session_key from changed)
),

stops as (
    select
        session_key,
        driver_number,
        {{ in_lap_of_stop("'Race'", 'lap_number') }} as in_lap_number,
        max(date) as left_pit_at
    from {{ ref('silver_pit_stops') }}
    where date is not null and session_key in (select session_key from changed)
    group by session_key, driver_number, {{ in_lap_of_stop("'Race'", 'lap_number') }}
),

stop_counts as (
    select laps.session_key, laps.driver_number, laps.lap_number, count(*) as stops_so_far
    from laps
    inner join stops
        on
            laps.session_key = stops.session_key
            and laps.driver_number = stops.driver_number
            and laps.lap_number > stops.in_lap_number
            and stops.left_pit_at between laps.race_started_at and laps.lap_ended_at
    group by laps.session_key, laps.driver_number, laps.lap_number
),

weather as (
    select
        session_key, date, air_temperature, track_temperature, humidity, pressure, wind_speed, is_raining
    from {{ ref('silver_weather') }}
    where session_key in (select session_key from changed)
),

with_weather as (
    {{ asof_join(
        'laps', 'weather', ['session_key'], 'lap_ended_at', 'date',
        {
            'air_temperature': 'air_temperature', 'track_temperature': 'track_temperature', 'humidity': 'humidity',
            'pressure': 'pressure', 'wind_speed': 'wind_speed', 'is_raining': 'is_raining', 'date': 'weather_served_at'
        }
    ) | indent(4) }}
)

select
    laps.session_key,
    laps.meeting_key,
    laps.season,
    laps.driver_number,
    laps.lap_number,
    laps.started_at as lap_started_at,
    laps.lap_ended_at,
    laps.line_ms,
    laps.driven_ms,
    laps.duration_sector_1,
    laps.duration_sector_2,
    laps.duration_sector_3,
    laps.intermediate_1_speed,
    laps.intermediate_2_speed,
    laps.speed_trap_speed,
    stints.stint_number,
    stints.compound,
    cast(laps.lap_number - stints.lap_start + 1 as integer) as stint_age_laps,
    cast(stints.tyre_age_at_start + laps.lap_number - stints.lap_start as integer) as tyre_age_laps,
    coalesce(laps.is_pit_out_lap, false)
    or coalesce(previous_stop.left_pit_at <= laps.lap_ended_at, false)
    or coalesce(laps.lap_number > 1 and laps.lap_number = stints.lap_start, false) as is_out_lap,
    own_stop.left_pit_at,
    cast(coalesce(stop_counts.stops_so_far, 0) as integer) as stops_so_far,
    case
        when coalesce(first_messages.first_message_at > laps.lap_ended_at, true) then null
        when states.gravity = 4 then 'Red'
        when states.gravity = 3 then 'SC'
        when states.gravity = 2 then 'VSC'
        when states.gravity = 1 then 'Yellow'
        else 'Green'
    end as track_status,
    {%- for column in ['air_temperature', 'track_temperature', 'humidity', 'pressure', 'wind_speed', 'is_raining'] %}
    case
        when {{ seconds_between('laps.weather_served_at', 'laps.lap_ended_at') }} <= {{ var('max_weather_age_s') }}
            then laps.{{ column }}
    end as {{ column }},
    {%- endfor %}
    laps.built_from
from with_weather as laps
left join stints
    on
        laps.session_key = stints.session_key
        and laps.driver_number = stints.driver_number
        and laps.lap_number >= stints.lap_start
        and (stints.next_lap_start is null or laps.lap_number < stints.next_lap_start)
left join stops as own_stop
    on
        laps.session_key = own_stop.session_key
        and laps.driver_number = own_stop.driver_number
        and laps.lap_number = own_stop.in_lap_number
left join stops as previous_stop
    on
        laps.session_key = previous_stop.session_key
        and laps.driver_number = previous_stop.driver_number
        and laps.lap_number = previous_stop.in_lap_number + 1
left join stop_counts
    on
        laps.session_key = stop_counts.session_key
        and laps.driver_number = stop_counts.driver_number
        and laps.lap_number = stop_counts.lap_number
left join states
    on
        laps.session_key = states.session_key
        and laps.driver_number = states.driver_number
        and laps.lap_number = states.lap_number
left join first_messages on laps.session_key = first_messages.session_key
