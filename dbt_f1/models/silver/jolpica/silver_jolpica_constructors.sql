{#- One row per constructor_id. -#}
{{ silver_source(
    'jolpica_constructors',
    key=['constructor_id'],
    columns={
        'constructor_id': 'text', 'constructor_name': 'name', 'nationality': 'text', 'url': 'text',
    },
    surrogate_key_name='constructor_row_key',
    partition_column='season'
) }}
