{#- One row per change of a driver's position. -#}
{{ silver_source(
    'position',
    key=['session_key', 'driver_number', 'date'],
    columns={
        'session_key': 'integer', 'meeting_key': 'integer', 'driver_number': 'integer', 'date': 'timestamp',
        'position': 'integer',
    }
) }}
