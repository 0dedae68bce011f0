{#- One row per season, round and driver_id. -#}
{{ silver_source(
    'jolpica_qualifying',
    key=['season', 'round', 'driver_id'],
    columns={
        'round': 'integer', 'driver_id': 'text', 'constructor_id': 'text',
        'car_number': 'cast(number as integer)', 'position': 'integer', 'q1_s': 'number', 'q2_s': 'number',
        'q3_s': 'number',
    },
    surrogate_key_name='qualifying_key',
    partition_column='season'
) }}
