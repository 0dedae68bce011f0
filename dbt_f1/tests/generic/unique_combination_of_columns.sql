{# One row per combination of the columns, and none of the columns is null. Unlike the test of this name in dbt_utils it also
fails for null, so that one query replaces a not_null test per column. #}
{% test unique_combination_of_columns(model, combination_of_columns) %}
select {{ combination_of_columns | join(', ') }}, count(*) as number_of_rows
from {{ model }}
group by {{ combination_of_columns | join(', ') }}
having
    count(*) > 1
    {%- for column in combination_of_columns %}
    or {{ column }} is null
    {%- endfor %}
{% endtest %}
