{#- One row per change of a driver's position; the position is valid until the next row of the driver. -#}
select
    {{ surrogate_key(['served.session_key', 'served.driver_number', 'served.date']) | indent(4) }} as position_key,
    served.session_key,
    served.meeting_key,
    served.season,
    served.driver_number,
    {{ driver_columns() }},
    served.date,
    served.position,
    served.pulled_at
from {{ ref('silver_positions') }} as served
left join {{ ref('int_session_drivers') }} as drivers
    on served.session_key = drivers.session_key and served.driver_number = drivers.driver_number
left join {{ ref('silver_meetings') }} as meetings
    on served.meeting_key = meetings.meeting_key
