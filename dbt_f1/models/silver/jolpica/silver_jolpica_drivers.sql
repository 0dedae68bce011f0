{#- One row per driver_id. -#}
{{ silver_source(
    'jolpica_drivers',
    key=['driver_id'],
    columns={
        'driver_id': 'text', 'permanent_number': 'integer', 'code': 'text', 'given_name': 'text',
        'family_name': 'text', 'date_of_birth': 'cast(date_of_birth as date)', 'nationality': 'text',
        'url': 'text',
    },
    surrogate_key_name='driver_row_key',
    partition_column='season'
) }}
