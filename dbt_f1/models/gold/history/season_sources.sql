{#-
How many values of the results of a season come from each source: one row per season and column of fact_race_results that has a
precedence. Rows without a value count for no source.
-#}
{%- set columns = {
    'position': 'position_source', 'points': 'points_source', 'grid_position': 'grid_source', 'laps': 'laps_source',
    'race_time_s': 'time_source', 'fastest_lap_time_s': 'fastest_lap_source'
} -%}
with sources as (
    {%- for column, source in columns.items() %}
    select season, '{{ column }}' as column_name, {{ source }} as source, in_jolpica and in_openf1 as in_both
    from {{ ref('fact_race_results') }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    {{ surrogate_key(['season', 'column_name']) | indent(4) }} as season_source_key,
    season,
    column_name,
    cast(count(case when source = 'jolpica' then 1 end) as integer) as jolpica_rows,
    cast(count(case when source = 'openf1' then 1 end) as integer) as openf1_rows,
    cast(count(case when in_both then 1 end) as integer) as rows_in_both
from sources
group by season, column_name
