{#
Safety cars of a session: parts of int_track_status, which calls each macro once. Each is a list of CTEs without `with`.

- A safety car lasts until TRACK CLEAR, not until it is called in. After a rolling start it lasts until a car on
  the line starts a lap that no car had started before. The same holds when it is called in and TRACK CLEAR does not follow.
- A race that starts behind the safety car stays behind it even if the track is clear before the first lap.
#}

{#
CTEs running (the events outside red flags), crossings and called_in (when a safety car that was called in has ended), from the CTEs
dated, red_periods and first_starts.
#}
{% macro safety_car_ends() -%}
{#- The race director ends a virtual safety car 10 to 15 s after the announcement (recorded: 10 to 15 s). -#}
{%- set vsc_notice_s = 15 -%}
{#- Approximate time to the line after a rolling start, used if no lap has the time. -#}
{%- set way_to_the_line_s = 60 -%}
{#- A rolling start that is announced longer than this before another one is a separate procedure. -#}
{%- set longest_procedure_s = 900 -%}
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
)
{%- endmacro %}


{# CTE track_seconds: the states of the complete track by second, from the CTEs running, crossings, called_in and red_periods. #}
{% macro track_state_seconds() -%}
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
)
{%- endmacro %}
