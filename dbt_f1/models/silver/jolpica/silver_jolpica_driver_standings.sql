{#- One row per season and driver_id. -#}
{{ silver_source(
    'jolpica_driver_standings',
    key=['season', 'driver_id'],
    columns={
        'round': 'integer', 'driver_id': 'text', 'position': 'integer', 'position_text': 'text',
        'points': 'number', 'wins': 'integer', 'constructor_ids': 'text',
    },
    surrogate_key_name='driver_standing_key',
    partition_column='season'
) }}
