{#-
Periods in which the track was not green, derived from all messages of race control: one row per period and part of the track. Not
published.

The macro track_event classifies single messages; this model derives periods from their sequence. The rules for red flags, safety
cars and yellow flags of sectors are in macros/red_flags.sql, safety_cars.sql and sector_yellows.sql, which are called here once. The
rules for messages of one second:

- A sector's yellow and its clear in one second change nothing: the state before decides. Other messages of one second
  count in the order served. If that order is unknown, each message is assumed to change the state: an active state ends and
  begins again, an inactive state begins and ends; a red flag is last. A safety car that is called in has ended.

Incremental by session. `changed_sessions` considers sessions with a message that begins a state. The few sessions whose messages
result in no period (only a yellow that is cleared within its second) are computed again in each run.
-#}
{%- set event = track_event('category', 'flag', 'scope', 'message') -%}
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

{{ race_lap_starts() }},

{{ red_flag_periods() }},

{{ safety_car_ends() }},

{{ track_state_seconds() }},

{{ sector_yellow_seconds() }},

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
