{#- One row per message of race control, with the driver of the car in that session. -#}
select
    messages.race_control_key,
    messages.session_key,
    messages.meeting_key,
    messages.season,
    messages.date,
    messages.lap_number,
    messages.driver_number,
    drivers.driver_id,
    drivers.name_acronym,
    drivers.full_name,
    meetings.meeting_name,
    messages.category,
    messages.flag,
    messages.scope,
    messages.sector,
    messages.qualifying_phase,
    messages.message,
    messages.pulled_at
from {{ ref('silver_race_control') }} as messages
left join {{ ref('int_session_drivers') }} as drivers
    on messages.session_key = drivers.session_key and messages.driver_number = drivers.driver_number
left join {{ ref('silver_meetings') }} as meetings
    on messages.meeting_key = meetings.meeting_key
