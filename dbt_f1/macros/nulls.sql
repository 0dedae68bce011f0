{# Null-safe arithmetic. #}

{# The greatest of those that are there; null when none is. Spark and DuckDB skip nulls in `greatest`, others do not. #}
{% macro greatest_known(columns) -%}
greatest(
    {%- for first in columns %}
    {%- set others = columns | reject('equalto', first) | list %}
    coalesce({{ ([first] + others) | join(', ') }}){{ ',' if not loop.last }}
    {%- endfor %}
)
{%- endmacro %}
