{#
Red flags of a session, and the starts of laps by which they end in a race: parts of int_track_status, which calls each macro once.
Each is a list of CTEs without `with`.

- A red flag ends, in practice and qualifying, when the pit exit opens. In races and sprints it ends with a standing start, a
  rolling start, a start behind the safety car, or else with the first lap started afterwards; TRACK CLEAR and the lights of the
  pit lane do not end it, and an announced time of the restart is a forecast. If the session status is served, it ends the red flag.
- The laps that the cars start on their way back to the pits, and in the pit lane, are not the restart. The restart is the
  lap of a driver that begins after the longest pause of minutes after the flag; if no pause is long enough, the first lap that
  begins after a gap longer than the time from the flag to the previous lap.
#}

{# CTEs laps, first_starts and race_starts, from the CTEs sessions and events. #}
{% macro race_lap_starts() -%}
{#- Shorter laps are ignored: a served start of lap 1 this close to the start of lap 2 is the start of a restart. -#}
{%- set shortest_lap_s = 45 -%}
-- without the starts of lap 1 that are those of a restart
laps as (
    select session_key, driver_number, lap_number, date_start
    from (
        select
            silver_laps.session_key,
            silver_laps.driver_number,
            silver_laps.lap_number,
            silver_laps.date_start,
            min(case when silver_laps.lap_number = 2 then silver_laps.date_start end) over (
                partition by silver_laps.session_key
            ) as lap_2_at
        from {{ ref('silver_laps') }} as silver_laps
        inner join sessions on silver_laps.session_key = sessions.session_key
        where sessions.is_race and silver_laps.date_start is not null
    ) as starts
    where lap_number > 1 or lap_2_at is null or {{ seconds_between('date_start', 'lap_2_at') }} >= {{ shortest_lap_s }}
),

-- the leader's laps: when the first car began each
first_starts as (
    select session_key, lap_number, min(date_start) as first_at from laps group by session_key, lap_number
),

race_starts as (
    select
        lap_starts.session_key,
        coalesce(
            min(lap_starts.lap_1_at),
            max(case when events.event = 'pit_exit_open' and events.date < lap_starts.lap_2_at then events.date end)
        ) as race_start_at
    from (
        select
            session_key,
            min(case when lap_number = 1 then first_at end) as lap_1_at,
            min(case when lap_number = 2 then first_at end) as lap_2_at
        from first_starts
        group by session_key
    ) as lap_starts
    inner join events on lap_starts.session_key = events.session_key
    group by lap_starts.session_key
)
{%- endmacro %}


{# CTEs dated (the events with the number of the red flag before them) and red_periods, from the CTEs events and laps. #}
{% macro red_flag_periods() -%}
{#- A lap that starts later than this after a red flag is not the way back to the pits. -#}
{%- set longest_way_to_the_pits_s = 300 -%}
{#- On the way to the pits a car crosses the line on the track, and again in the pit lane. -#}
{%- set most_starts_to_the_restart = 3 -%}
-- red_number: the red flags up to here; 0 before the first
track_events as (
    select
        *,
        sum(case when event = 'red' then 1 else 0 end) over (
            partition by session_key
            order by date, served_order, case when event = 'red' then 1 else 0 end, event
            rows between unbounded preceding and current row
        ) as red_number
    from events
    where event is not null and event not in ('yellow', 'sector_clear')
),

dated as (
    select
        *,
        case when red_number > 0 then min(date) over (partition by session_key, red_number) end as red_at
    from track_events
),

reds as (
    select
        session_key,
        red_number,
        is_race,
        red_at,
        lead(red_at) over (partition by session_key order by red_number) as next_red_at,
        min(case when date > red_at and event in ('pit_exit_open', 'started') then date end) as opened_at,
        min(case when date > red_at and event = 'standing_start' then date end) as standing_at,
        min(case when date > red_at and event = 'rolling_start' then date end) as rolling_at,
        min(case when date > red_at and event = 'behind_sc' then date end) as behind_sc_at,
        min(case when date > red_at and event = 'started' then date end) as started_at,
        min(case when date >= red_at and event in ('restart_behind_sc', 'sc') then date end) as announced_sc_at,
        min(case when date >= red_at and event = 'not_resumed' then date end) as abandoned_at
    from dated
    where red_number > 0
    group by session_key, red_number, is_race, red_at
),

-- the first lap started after a red flag that does not lead to the pits
starts_after_a_red as (
    select
        *,
        {{ seconds_between('coalesce(previous_start, red_at)', 'date_start') }} as pause_s
    from (
        select
            reds.session_key,
            reds.red_number,
            reds.red_at,
            reds.abandoned_at,
            laps.driver_number,
            laps.date_start,
            lag(laps.date_start) over driver_laps as previous_start,
            lead(laps.date_start) over driver_laps as next_start,
            row_number() over driver_laps as start_number
        from reds
        inner join laps
            on
                reds.session_key = laps.session_key
                and reds.red_at < laps.date_start
                and (reds.next_red_at is null or reds.next_red_at > laps.date_start)
        window driver_laps as (
            partition by reds.session_key, reds.red_number, laps.driver_number order by laps.date_start, laps.lap_number
        )
    ) as starts
),

stoppages as (
    select session_key, red_number, driver_number, max(pause_s) as longest_pause_s
    from starts_after_a_red
    where start_number <= {{ most_starts_to_the_restart }}
    group by session_key, red_number, driver_number
),

restarts as (
    select session_key, red_number, min(restart_at) as restart_at
    from (
        select
            starts.session_key,
            starts.red_number,
            starts.abandoned_at,
            case
                when stoppages.longest_pause_s > {{ longest_way_to_the_pits_s }}
                    then case when starts.pause_s = stoppages.longest_pause_s then starts.date_start end
                when starts.start_number > 1 then null
                when
                    {{ seconds_between('starts.red_at', 'starts.date_start') }}
                    < coalesce(
                        {{ seconds_between('starts.date_start', 'starts.next_start') }}, {{ longest_way_to_the_pits_s }}
                    )
                    then starts.next_start
                else starts.date_start
            end as restart_at
        from starts_after_a_red as starts
        inner join stoppages
            on
                starts.session_key = stoppages.session_key
                and starts.red_number = stoppages.red_number
                and starts.driver_number = stoppages.driver_number
        where starts.start_number <= {{ most_starts_to_the_restart }}
    ) as restarts_of_drivers
    where abandoned_at is null or restart_at < abandoned_at
    group by session_key, red_number
),

red_periods as (
    select
        reds.*,
        restarts.restart_at,
        case
            when reds.is_race
                then least(
                    reds.standing_at, reds.rolling_at, reds.behind_sc_at, reds.started_at,
                    case when reds.standing_at is null then restarts.restart_at end
                )
            else reds.opened_at
        end as red_ended_at
    from reds
    left join restarts on reds.session_key = restarts.session_key and reds.red_number = restarts.red_number
)
{%- endmacro %}
