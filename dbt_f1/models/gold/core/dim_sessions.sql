{#- One row per session, future and cancelled ones included. The winner is the driver classified first, unless disqualified. -#}
with firsts as (
    select
        session_key,
        driver_number,
        row_number() over (partition by session_key order by driver_number) as choice
    from {{ ref('silver_session_results') }}
    where position = 1 and status <> 'DSQ'
)

select
    {{ surrogate_key(['sessions.session_key']) | indent(4) }} as dim_session_key,
    sessions.session_key,
    sessions.meeting_key,
    sessions.season,
    meetings.round_number,
    meetings.meeting_name,
    sessions.session_name,
    sessions.session_type,
    sessions.session_category,
    sessions.circuit_key,
    sessions.circuit_short_name,
    sessions.country_code,
    sessions.country_name,
    sessions.location,
    sessions.gmt_offset,
    sessions.date_start,
    sessions.date_end,
    sessions.session_duration_minutes,
    cast(sessions.date_start as date) as session_date,
    sessions.year,
    cast(extract(month from sessions.date_start) as integer) as month,
    cast(extract(day from sessions.date_start) as integer) as day,
    cast(extract(week from sessions.date_start) as integer) as iso_week,
    sessions.session_category = 'Race' as is_race,
    sessions.session_category = 'Sprint' as is_sprint,
    sessions.session_category in ('Qualifying', 'Sprint Qualifying') as is_qualifying,
    sessions.session_category = 'Practice' as is_practice,
    coalesce(calendar.is_session_cancelled, sessions.is_cancelled) as is_cancelled,
    firsts.driver_number as winner_driver_number,
    drivers.driver_id as winner_driver_id
from {{ ref('silver_sessions') }} as sessions
left join {{ ref('dim_meetings') }} as meetings
    on sessions.meeting_key = meetings.meeting_key
left join {{ ref('int_calendar') }} as calendar
    on sessions.session_key = calendar.session_key
left join firsts
    on sessions.session_key = firsts.session_key and firsts.choice = 1
left join {{ ref('int_session_drivers') }} as drivers
    on firsts.session_key = drivers.session_key and firsts.driver_number = drivers.driver_number
