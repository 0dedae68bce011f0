{#
Results of races and sprints of Jolpica in silver: one row per season, round, driver, constructor and car number, because drivers shared
cars. `position` is filled for every car; `position_text` decides whether and where the car is classified: after the disqualification of
the second car of Brazil 1983 nobody is second, although the third car is the second in order. Grid 0 is a start from the pit lane or
no start.
#}
{% macro silver_jolpica_results(table, surrogate_key_name, more_columns={}) -%}
    {%- set unclassified = "coalesce(position_text, 'N') in ('R', 'D', 'E', 'W', 'F', 'N')" -%}
    {%- set columns = {
        'round': 'integer', 'driver_id': 'text', 'constructor_id': 'text',
        'car_number': 'cast(number as integer)', 'position_order': 'cast(position as integer)',
        'position_text': 'text', 'points': 'number', 'grid_position': 'cast(grid as integer)',
        'laps': 'integer', 'status': 'text', 'time_s': 'time_millis / 1000.0', 'time_text': 'text',
        'fastest_lap_number': 'integer', 'fastest_lap_rank': 'integer', 'fastest_lap_time_s': 'fastest_lap_s',
    } -%}
    {%- do columns.update(more_columns) -%}
    {{ silver_source(
        table,
        key=['season', 'round', 'driver_id', 'constructor_id', 'car_number'],
        columns=columns,
        derived={
            'grid_position': 'nullif(grid_position, 0)',
            'classified_position': 'case when not ' ~ unclassified ~ ' then coalesce(try_cast(position_text as integer), position_order) end',
            'is_classified': 'not ' ~ unclassified,
            'started_from_pit_lane': 'grid_position = 0 and season >= 2003 and laps > 0',
        },
        nullable=['car_number'],
        surrogate_key_name=surrogate_key_name,
        partition_column='season'
    ) }}
{%- endmacro %}
