{#- One row per round_key, driver_id and stop_number. -#}
{{ silver_source(
    'jolpica_pitstops',
    key=['round_key', 'driver_id', 'stop_number'],
    columns={
        'round_key': 'cast(season * 100 + round as integer)', 'round': 'integer', 'driver_id': 'text',
        'stop_number': 'cast(stop as integer)', 'lap_number': 'integer', 'time_of_day': 'text',
        'duration_s': 'number',
    },
    derived={
        'is_duration_lost': 'duration_s is null',
    },
    surrogate_key_name='pit_stop_row_key',
    partition_column='round_key'
) }}
