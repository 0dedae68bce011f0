{#- One row a measurement at the track, about one a minute. -#}
select
    {{ surrogate_key(['session_key', 'date']) | indent(4) }} as weather_key,
    session_key,
    meeting_key,
    season,
    date,
    air_temperature,
    track_temperature,
    humidity,
    pressure,
    is_raining,
    wind_direction,
    wind_speed,
    pulled_at
from {{ ref('silver_weather') }}
