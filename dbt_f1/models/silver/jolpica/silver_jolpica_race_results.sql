{#- One row per season, round, driver_id, constructor_id and car_number. -#}
{{ silver_source(
    'jolpica_results',
    key=['season', 'round', 'driver_id', 'constructor_id', 'car_number'],
    columns={
        'round': 'integer', 'driver_id': 'text', 'constructor_id': 'text',
        'car_number': 'cast(number as integer)', 'position_order': 'cast(position as integer)',
        'position_text': 'text', 'points': 'number', 'grid_position': 'cast(grid as integer)',
        'laps': 'integer', 'status': 'text', 'time_s': 'time_millis / 1000.0', 'time_text': 'text',
        'fastest_lap_number': 'integer', 'fastest_lap_rank': 'integer', 'fastest_lap_time_s': 'fastest_lap_s',
        'fastest_lap_speed_kmh': 'number',
    },
    derived={
        'grid_position': 'nullif(grid_position, 0)',
        'classified_position': "case when coalesce(position_text, 'N') not in ('R', 'D', 'E', 'W', 'F', 'N') then position_order end",
        'is_classified': "coalesce(position_text, 'N') not in ('R', 'D', 'E', 'W', 'F', 'N')",
        'started_from_pit_lane': 'grid_position = 0 and season >= 2003 and laps > 0',
    },
    nullable=['car_number'],
    surrogate_key_name='race_result_key',
    partition_column='season'
) }}
