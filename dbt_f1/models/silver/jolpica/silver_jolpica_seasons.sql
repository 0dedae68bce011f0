{#- One row per year. -#}
{{ silver_source(
    'jolpica_seasons',
    key=['year'],
    columns={
        'year': 'integer', 'url': 'text',
    },
    surrogate_key_name='championship_season_key',
    partition_column='season'
) }}
