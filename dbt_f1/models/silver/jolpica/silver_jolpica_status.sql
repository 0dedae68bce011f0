{#- One row per status_id. -#}
{{ silver_source(
    'jolpica_status',
    key=['status_id'],
    columns={
        'status_id': 'integer', 'status': 'text', 'results': 'cast(count as integer)',
    },
    surrogate_key_name='status_row_key',
    partition_column='season'
) }}
