{#- One row per recording of the team radio; the time may be null. -#}
select
    served.team_radio_key,
    served.session_key,
    served.meeting_key,
    served.season,
    served.driver_number,
    drivers.driver_id,
    coalesce(drivers.team_id, 'unknown-team') as team_id,
    coalesce(drivers.team_name, 'Unknown Team') as team_name,
    served.date,
    served.recording_url,
    served.pulled_at
from {{ ref('silver_team_radio') }} as served
left join {{ ref('silver_drivers') }} as drivers
    on served.session_key = drivers.session_key and served.driver_number = drivers.driver_number
