{# One row per combination of the columns, and none of them null: one query instead of one test a column. #}
{% test grain(model, columns) %}
select {{ columns | join(', ') }}, count(*) as rows_of_it
from {{ model }}
group by {{ columns | join(', ') }}
having
    count(*) > 1
    {%- for column in columns %}
    or {{ column }} is null
    {%- endfor %}
{% endtest %}
