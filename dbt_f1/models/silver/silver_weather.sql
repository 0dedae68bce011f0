{#- One row per measurement, about once a minute. A track at exactly 0.0 degrees is a glitch of the source and becomes null. -#}
{{ silver_source(
    'weather',
    key=['session_key', 'date'],
    columns={
        'session_key': 'integer', 'meeting_key': 'integer', 'date': 'timestamp', 'air_temperature': 'number',
        'track_temperature': 'nullif(' ~ bounded_number('track_temperature') ~ ', 0)',
        'humidity': 'number', 'pressure': 'number', 'rainfall': 'integer', 'wind_direction': 'integer', 'wind_speed': 'number',
    },
    derived={'is_raining': 'rainfall > 0'}
) }}
