{#- One row per season and constructor_id. -#}
{{ silver_source(
    'jolpica_constructor_standings',
    key=['season', 'constructor_id'],
    columns={
        'round': 'integer', 'constructor_id': 'text', 'position': 'integer', 'position_text': 'text',
        'points': 'number', 'wins': 'integer',
    },
    surrogate_key_name='constructor_standing_key',
    partition_column='season'
) }}
