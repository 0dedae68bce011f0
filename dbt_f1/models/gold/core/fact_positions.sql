{#- One row per change of a driver's position; the position holds until the next row of the driver. -#}
select
    {{ surrogate_key(['served.session_key', 'served.driver_number', 'served.date']) | indent(4) }} as position_key,
    served.session_key,
    served.meeting_key,
    served.season,
    served.driver_number,
    drivers.driver_id,
    coalesce(drivers.team_id, 'unknown-team') as team_id,
    coalesce(drivers.team_name, 'Unknown Team') as team_name,
    served.date,
    served.position,
    served.pulled_at
from {{ ref('silver_positions') }} as served
left join {{ ref('silver_drivers') }} as drivers
    on served.session_key = drivers.session_key and served.driver_number = drivers.driver_number
