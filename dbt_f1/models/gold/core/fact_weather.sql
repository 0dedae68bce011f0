{#- One row per measurement at the track, about one per minute. -#}
select
    {{ surrogate_key(['measurements.session_key', 'measurements.date']) | indent(4) }} as weather_key,
    measurements.session_key,
    measurements.meeting_key,
    meetings.meeting_name,
    measurements.season,
    measurements.date,
    measurements.air_temperature,
    measurements.track_temperature,
    measurements.humidity,
    measurements.pressure,
    measurements.is_raining,
    measurements.wind_direction,
    measurements.wind_speed,
    measurements.pulled_at
from {{ ref('silver_weather') }} as measurements
left join {{ ref('silver_meetings') }} as meetings
    on measurements.meeting_key = meetings.meeting_key
