{#- One row per round_key, lap_number and driver_id. -#}
{{ silver_source(
    'jolpica_laps',
    key=['round_key', 'lap_number', 'driver_id'],
    columns={
        'round_key': 'cast(season * 100 + round as integer)', 'round': 'integer', 'lap_number': 'integer',
        'driver_id': 'text', 'position': 'integer', 'lap_time_s': 'time_s',
    },
    surrogate_key_name='lap_time_key',
    partition_column='round_key'
) }}
