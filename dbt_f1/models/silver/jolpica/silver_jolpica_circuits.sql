{#- One row per circuit_id. -#}
{{ silver_source(
    'jolpica_circuits',
    key=['circuit_id'],
    columns={
        'circuit_id': 'text', 'circuit_name': 'text', 'locality': 'text', 'country': 'text',
        'latitude': 'number', 'longitude': 'number', 'url': 'text',
    },
    surrogate_key_name='circuit_row_key',
    partition_column='season'
) }}
