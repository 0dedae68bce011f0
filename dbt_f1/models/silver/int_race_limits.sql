{{ config(materialized='ephemeral') }}
{#-
When a race or sprint starts and ends, one row per such session: its start, its red flags, the chequered flag and the number of
laps of the result. What is not known is null. Not published.

The pit exit opens within a second of the start (in all recorded races and sprints); before the scheduled time it opens for the
laps to the grid. Without that message the scheduled time is the start.
-#}
with races as (
    select session_key, date_start
    from {{ ref('silver_sessions') }}
    where session_category in ('Race', 'Sprint')
),

messages as (
    select races.session_key, control.date, control.category, control.flag, control.message
    from races
    inner join {{ ref('silver_race_control') }} as control on races.session_key = control.session_key
    where control.date is not null
),

starts as (
    select
        races.session_key,
        coalesce(
            min(case when messages.message like '%PIT EXIT OPEN%' then messages.date end),
            min(
                case
                    when messages.category = 'SessionStatus' and messages.message like '%STARTED%' then messages.date
                end
            ),
            max(races.date_start)
        ) as race_started_at
    from races
    left join messages
        on
            races.session_key = messages.session_key
            and (races.date_start is null or messages.date >= races.date_start)
    group by races.session_key
),

red_flags as (
    select starts.session_key, min(messages.date) as first_red_flag_at, max(messages.date) as last_red_flag_at
    from starts
    inner join messages
        on
            starts.session_key = messages.session_key
            and starts.race_started_at < messages.date
            and messages.flag = 'RED'
    group by starts.session_key
),

chequered_flags as (
    select session_key, min(date) as chequered_flag_at from messages where flag = 'CHEQUERED' group by session_key
),

lengths as (
    select session_key, max(number_of_laps) as race_laps from {{ ref('silver_session_results') }} group by session_key
)

select
    starts.session_key,
    starts.race_started_at,
    red_flags.first_red_flag_at,
    red_flags.last_red_flag_at,
    chequered_flags.chequered_flag_at,
    lengths.race_laps
from starts
left join red_flags on starts.session_key = red_flags.session_key
left join chequered_flags on starts.session_key = chequered_flags.session_key
left join lengths on starts.session_key = lengths.session_key
