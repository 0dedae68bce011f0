{# Null-safe arithmetic. #}

{# The greatest of the columns that are not null; null when all are. Spark and DuckDB skip nulls in `greatest`, others do not. #}
{% macro greatest_non_null(columns) -%}
greatest(
    {%- for first in columns %}
    {%- set others = columns | reject('equalto', first) | list %}
    coalesce({{ ([first] + others) | join(', ') }}){{ ',' if not loop.last }}
    {%- endfor %}
)
{%- endmacro %}
