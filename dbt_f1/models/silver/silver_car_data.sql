{#- One row per sample of a car. The source sends 104 in throttle and brake for no signal; it becomes null. -#}
{{ silver_source(
    'car_data',
    key=['session_key', 'driver_number', 'date'],
    columns={
        'session_key': 'integer', 'meeting_key': 'integer', 'driver_number': 'integer', 'date': 'timestamp',
        'rpm': 'integer', 'speed': 'integer', 'n_gear': 'integer', 'throttle': 'integer', 'brake': 'integer', 'drs': 'integer',
    },
    derived={
        'n_gear': 'case when n_gear between 0 and 8 then n_gear end',
        'throttle': 'case when throttle between 0 and 100 then throttle end',
        'brake': 'case when brake between 0 and 100 then brake end',
        'is_drs_open': 'drs in (10, 12, 14)',
    }
) }}
