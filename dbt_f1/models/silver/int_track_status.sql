{#-
Periods in which the track was not green, derived from all messages of race control: one row per period and part of the track. Not
published.

The macro track_event classifies single messages; this model derives periods from their sequence. The rules:

- A red flag ends, in practice and qualifying, when the pit exit opens. In races and sprints it ends with a standing start, a
  rolling start, a start behind the safety car, or else with the first lap started afterwards; TRACK CLEAR and the lights of the
  pit lane do not end it, and an announced time of the restart is a forecast. If the session status is served, it ends the red flag.
- The laps that the cars start on their way back to the pits, and in the pit lane, are not the restart. The restart is the
  lap of a driver that begins after the longest pause of minutes after the flag; if no pause is long enough, the first lap that
  begins after a gap longer than the time from the flag to the previous lap.
- A safety car lasts until TRACK CLEAR, not until it is called in. After a rolling start it lasts until a car on
  the line starts a lap that no car had started before. The same holds when it is called in and TRACK CLEAR does not follow.
- A race that starts behind the safety car stays behind it even if the track is clear before the first lap.
- A yellow lasts in its marshal sector until that sector, or the track, is clear, or the race starts: yellow flags
  during the grid formation are often not cleared by a message (Zandvoort 2025). The race starts with its first lap; if
  that start is not served, with the last light of the pit exit before the second one (recorded: the same second).
- A sector's yellow and its clear in one second change nothing: the state before decides. Other messages of one second
  count in the order served. If that order is unknown, each message is assumed to change the state: an active state ends and
  begins again, an inactive state begins and ends; a red flag is last. A safety car that is called in has ended.

Incremental by session. `changed_sessions` considers sessions with a message that begins a state. The few sessions whose messages
result in no period (only a yellow that is cleared within its second) are computed again in each run.
-#}
{%- set event = track_event('category', 'flag', 'scope', 'message') -%}
{#- Shorter laps are ignored: a served start of lap 1 this close to the start of lap 2 is the start of a restart. -#}
{%- set shortest_lap_s = 45 -%}
{#- A lap that starts later than this after a red flag is not the way back to the pits. -#}
{%- set longest_way_to_the_pits_s = 300 -%}
{#- On the way to the pits a car crosses the line on the track, and again in the pit lane. -#}
{%- set most_starts_to_the_restart = 3 -%}
{#- The race director ends a virtual safety car 10 to 15 s after the announcement (recorded: 10 to 15 s). -#}
{%- set vsc_notice_s = 15 -%}
{#- Approximate time to the line after a rolling start, used if no lap has the time. -#}
{%- set way_to_the_line_s = 60 -%}
{#- A rolling start that is announced longer than this before another one is a separate procedure. -#}
{%- set longest_procedure_s = 900 -%}
with changed as (
    {{ changed_sessions([
        '(select session_key, pull_id from ' ~ ref('silver_race_control') ~ ' where ' ~ event
        ~ " in ('red', 'sc', 'vsc', 'yellow', 'behind_sc', 'rolling_start')) as messages",
        ref('silver_laps'),
        '(select session_key, session_category as pull_id from ' ~ ref('silver_sessions') ~ ') as categories'
    ]) }}
),

sessions as (
    select
        changed.session_key,
        changed.built_from,
        coalesce(silver_sessions.session_category in ('Race', 'Sprint'), false) as is_race
    from changed
    left join {{ ref('silver_sessions') }} as silver_sessions on changed.session_key = silver_sessions.session_key
),

events as (
    select
        messages.session_key,
        sessions.is_race,
        messages.date,
        messages.served_order,
        messages.sector,
        {{ track_event('messages.category', 'messages.flag', 'messages.scope', 'messages.message') | indent(8) }} as event
    from {{ ref('silver_race_control') }} as messages
    inner join sessions on messages.session_key = sessions.session_key
    where messages.date is not null
),

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
),

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
),

-- what of the messages counts while there is no red flag
running as (
    select
        dated.session_key,
        dated.is_race,
        dated.date,
        dated.served_order,
        dated.event,
        red_periods.restart_at,
        case
            when dated.event in ('sc', 'behind_sc', 'rolling_start') then 3
            when dated.event = 'vsc' then 2
            when dated.event in ('clear', 'standing_start') then 0
        end as gravity,
        min(case when dated.event in ('sc', 'vsc', 'behind_sc', 'rolling_start', 'red') then dated.date end) over following
            as next_on_at,
        min(case when dated.event = 'clear' then dated.date end) over following as next_clear_at,
        min(case when dated.event = 'rolling_start' then dated.date end) over following as next_rolling_at,
        max(case when dated.event = 'behind_sc' then dated.date end) over earlier as behind_sc_at
    from dated
    left join red_periods
        on dated.session_key = red_periods.session_key and dated.red_number = red_periods.red_number
    where dated.red_number = 0 or dated.event = 'red' or dated.date >= red_periods.red_ended_at
    window
        following as (
            partition by dated.session_key order by dated.date, dated.served_order, dated.event
            rows between 1 following and unbounded following
        ),
        earlier as (
            partition by dated.session_key order by dated.date, dated.served_order, dated.event
            rows between unbounded preceding and current row
        )
),

-- the next lap that no car had started before, after each message that a safety car is called in or a race rolls off
crossings as (
    select running.session_key, running.date, running.event, min(first_starts.first_at) as crossed_at
    from running
    inner join first_starts
        on
            running.session_key = first_starts.session_key
            and running.date < first_starts.first_at
            and (running.restart_at is null or running.restart_at < first_starts.first_at)
    where running.event in ('sc_ending', 'rolling_start', 'behind_sc')
    group by running.session_key, running.date, running.event
),

called_in as (
    select
        running.session_key,
        running.next_on_at,
        case
            when running.event = 'vsc_ending' then {{ add_seconds('running.date', vsc_notice_s) }}
            when crossings.crossed_at is not null then crossings.crossed_at
            -- the start follows its procedure
            when
                running.next_rolling_at is null
                or {{ seconds_between('running.date', 'running.next_rolling_at') }} > {{ longest_procedure_s }}
                then {{ add_seconds('running.date', way_to_the_line_s) }}
        end as over_at
    from running
    left join crossings
        on
            running.session_key = crossings.session_key
            and running.date = crossings.date
            and running.event = crossings.event
    where
        running.event = 'rolling_start'
        or (
            running.event in ('sc_ending', 'vsc_ending')
            and (running.next_clear_at is null or running.next_clear_at > running.next_on_at)
        )
),

track_states as (
    select
        running.session_key,
        running.date,
        running.served_order,
        running.gravity,
        running.event in ('sc_ending', 'vsc_ending') as is_ending,
        false as ends_a_red
    from running
    left join crossings
        on
            running.session_key = crossings.session_key
            and running.behind_sc_at = crossings.date
            and crossings.event = 'behind_sc'
    where
        (running.gravity is not null or running.event in ('sc_ending', 'vsc_ending'))
        -- the race has been announced to start behind the safety car, and has not started yet
        and not (
            running.event = 'clear' and running.is_race and running.behind_sc_at is not null
            and (crossings.crossed_at is null or crossings.crossed_at > running.date)
        )

    union all

    select session_key, red_at, null, 4, false, false from red_periods

    union all

    select
        session_key,
        red_ended_at,
        null,
        case
            when
                is_race and (
                    rolling_at = red_ended_at or behind_sc_at = red_ended_at
                    or (standing_at is null and (rolling_at is not null or announced_sc_at <= red_ended_at))
                )
                then 3
            else 0
        end,
        false,
        true
    from red_periods
    where red_ended_at is not null

    union all

    select session_key, over_at, null, 0, false, false
    from called_in
    where over_at is not null and (next_on_at is null or next_on_at > over_at)
),

ranked as (
    select
        *,
        row_number() over (
            partition by session_key, date, case when gravity is null then 1 else 0 end order by served_order desc
        ) as from_the_last
    from track_states
),

track_seconds as (
    select
        session_key,
        date,
        max(gravity) as gravest,
        min(gravity) as mildest,
        max(case when gravity is not null and from_the_last = 1 then gravity end) as served_last,
        count(gravity) - count(case when gravity is not null then served_order end) as unordered,
        max(case when ends_a_red then 1 else 0 end) as ends_a_red,
        max(case when is_ending then 1 else 0 end) as is_ending
    from ranked
    group by session_key, date
),

sector_events as (
    select session_key, sector, date, served_order, event from events
    where event in ('yellow', 'sector_clear') and sector is not null
),

resets as (
    select session_key, date, served_order from track_events
    where event = 'clear' or (event = 'pit_exit_open' and not is_race)

    union all

    select session_key, red_ended_at, null from red_periods where red_ended_at is not null

    union all

    select session_key, race_start_at, null from race_starts where race_start_at is not null
),

sector_seconds as (
    select
        session_key,
        sector,
        date,
        max(case when event = 'yellow' then 1 else 0 end) as is_yellow,
        max(case when event = 'sector_clear' then 1 else 0 end) as is_clear,
        max(case when event = 'reset' then 1 else 0 end) as is_reset,
        max(case when event = 'yellow' then served_order end) as yellow_order,
        max(case when event = 'reset' then served_order end) as reset_order
    from (
        select session_key, sector, date, served_order, event from sector_events

        union all

        select sectors.session_key, sectors.sector, resets.date, resets.served_order, 'reset' as event
        from resets
        inner join (select distinct session_key, sector from sector_events) as sectors
            on resets.session_key = sectors.session_key
    ) as events_of_sectors
    group by session_key, sector, date
),

-- null: the second changes nothing
states as (
    select
        session_key,
        0 as place,
        date,
        case
            when gravest = 4 then 4
            when ends_a_red = 1 then gravest
            when unordered = 0 then served_last
            when mildest > 0 or gravest = 0 then gravest
            -- what is called in next had come
            when lead(is_ending) over (partition by session_key order by date) = 1 then gravest
            when lag(is_ending) over (partition by session_key order by date) = 1 then 0
        end as gravity
    from track_seconds

    union all

    select
        session_key,
        sector as place,
        date,
        case
            when is_yellow = 1 and is_clear = 1 then case when is_reset = 1 then 0 end
            when is_yellow = 1 and is_reset = 1
                then case when yellow_order > reset_order then 1 when yellow_order < reset_order then 0 end
            else is_yellow
        end as gravity
    from sector_seconds
),

changes as (
    select
        *,
        lag(gravity) over (partition by session_key, place order by date) as gravity_before
    from states
    where gravity is not null
),

periods as (
    select
        session_key,
        place,
        gravity,
        date as started_at,
        lead(date) over (partition by session_key, place order by date) as ended_at
    from changes
    where gravity <> coalesce(gravity_before, 0)
)

select
    periods.session_key,
    periods.place,
    periods.gravity,
    periods.started_at,
    periods.ended_at,
    sessions.built_from
from periods
inner join sessions on periods.session_key = sessions.session_key
where periods.gravity > 0
