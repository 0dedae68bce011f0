{#
What the tables of all seasons share: which source a value comes from, and the team of a constructor in a season.
#}

{#
The source of a column in a row that both sources may have, by seed source_precedence: the first source that has the value,
'jolpica' or 'openf1'; null when neither has it. `precedence` is the relation of source_order().
#}
{% macro source_of(column, jolpica_has, openf1_has) -%}
case
    when precedence.{{ column }} = 'openf1' and ({{ openf1_has }}) then 'openf1'
    when ({{ jolpica_has }}) then 'jolpica'
    when ({{ openf1_has }}) then 'openf1'
end
{%- endmacro %}

{# The value of the source that a column `<name>_source` names. #}
{% macro by_source(source_column, jolpica, openf1) -%}
case {{ source_column }} when 'jolpica' then {{ jolpica }} when 'openf1' then {{ openf1 }} end
{%- endmacro %}

{# One row: the first source of each of the columns. #}
{% macro source_order(columns) -%}
select
    {%- for column in columns %}
    max(case when column_name = '{{ column }}' then first_source end) as {{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
from {{ ref('source_precedence') }}
{%- endmacro %}

{# The team of a constructor in a season: seed constructor_lineage (left joined as `lineage`), or the constructor itself. #}
{% macro team_of_constructor(constructor_id) -%}
coalesce(lineage.team_id, replace({{ constructor_id }}, '_', '-'))
{%- endmacro %}

{# The results of races and sprints of Jolpica, by session_category. #}
{% macro jolpica_results() -%}
{%- for category, model in [('Race', 'silver_jolpica_race_results'), ('Sprint', 'silver_jolpica_sprint_results')] %}
select
    season, round as round_number, '{{ category }}' as session_category, driver_id as jolpica_driver_id, constructor_id,
    car_number, position_order, classified_position, position_text, is_classified, status, points, grid_position,
    started_from_pit_lane, laps, time_s, fastest_lap_time_s, fastest_lap_number, fastest_lap_rank
from {{ ref(model) }}
{{ 'union all' if not loop.last }}
{%- endfor %}
{%- endmacro %}
