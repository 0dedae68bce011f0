{#- One row per driver: the championship before and after a race or sprint. A beta endpoint with gaps. -#}
{{ silver_source(
    'championship_drivers',
    key=['session_key', 'driver_number'],
    columns={
        'session_key': 'integer', 'meeting_key': 'integer', 'driver_number': 'integer',
        'position_start': 'integer', 'position_current': 'integer', 'points_start': 'number', 'points_current': 'number',
    }
) }}
