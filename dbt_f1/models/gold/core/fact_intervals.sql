{#- One row per driver and measurement of the gaps, about every 4 s of a race or sprint. -#}
select
    {{ surrogate_key(['served.session_key', 'served.driver_number', 'served.date']) | indent(4) }} as interval_key,
    served.session_key,
    served.meeting_key,
    served.season,
    served.driver_number,
    {{ driver_columns() }},
    served.date,
    served.gap_to_leader_s,
    served.interval_s,
    served.laps_down,
    served.interval_laps,
    served.pulled_at
from {{ ref('silver_intervals') }} as served
left join {{ ref('int_session_drivers') }} as drivers
    on served.session_key = drivers.session_key and served.driver_number = drivers.driver_number
left join {{ ref('silver_meetings') }} as meetings
    on served.meeting_key = meetings.meeting_key
