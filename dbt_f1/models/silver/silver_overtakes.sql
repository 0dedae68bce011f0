{#- One row per overtake. -#}
{{ silver_source(
    'overtakes',
    key=['session_key', 'date', 'overtaking_driver_number', 'overtaken_driver_number'],
    columns={
        'session_key': 'integer', 'meeting_key': 'integer', 'overtaking_driver_number': 'integer',
        'overtaken_driver_number': 'integer', 'date': 'timestamp', 'position': 'integer',
    }
) }}
