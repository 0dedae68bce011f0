{#- One row per season and round. -#}
{{ silver_source(
    'jolpica_races',
    key=['season', 'round'],
    columns={
        'round': 'integer', 'race_name': 'text', 'circuit_id': 'text', 'url': 'text',
        'race_date': 'cast(race_date as date)', 'race_start': 'timestamp',
        'first_practice_date': 'cast(first_practice_date as date)', 'first_practice_start': 'timestamp',
        'second_practice_date': 'cast(second_practice_date as date)', 'second_practice_start': 'timestamp',
        'third_practice_date': 'cast(third_practice_date as date)', 'third_practice_start': 'timestamp',
        'qualifying_date': 'cast(qualifying_date as date)', 'qualifying_start': 'timestamp',
        'sprint_date': 'cast(sprint_date as date)', 'sprint_start': 'timestamp',
        'sprint_qualifying_date': 'cast(sprint_qualifying_date as date)',
        'sprint_qualifying_start': 'timestamp', 'sprint_shootout_date': 'cast(sprint_shootout_date as date)',
        'sprint_shootout_start': 'timestamp',
    },
    surrogate_key_name='race_key',
    partition_column='season'
) }}
