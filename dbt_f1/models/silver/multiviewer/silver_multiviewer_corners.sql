{#- One row per season, circuit_key, number and letter. -#}
{{ silver_source(
    'multiviewer_corners',
    key=['season', 'circuit_key', 'number', 'letter'],
    columns={
        'circuit_key': 'integer', 'circuit_name': 'text', 'rotation': 'number', 'number': 'integer',
        'letter': blank_to_null('letter'), 'angle': 'number', 'length': 'number', 'x': 'number', 'y': 'number',
    },
    nullable=['letter'],
    surrogate_key_name='circuit_corner_key',
    partition_column='season'
) }}
