{#- One row per recording of the team radio; the time may be null. -#}
select
    served.team_radio_key,
    served.session_key,
    served.meeting_key,
    served.season,
    served.driver_number,
    {{ driver_columns() }},
    served.date,
    served.recording_url,
    served.pulled_at
from {{ ref('silver_team_radio') }} as served
left join {{ ref('int_session_drivers') }} as drivers
    on served.session_key = drivers.session_key and served.driver_number = drivers.driver_number
left join {{ ref('silver_meetings') }} as meetings
    on served.meeting_key = meetings.meeting_key
