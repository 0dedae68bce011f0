{#
The rows that a table of measurements has from earlier days, to be kept in the rebuilt table: they cannot be measured again.
Empty in the first build, and when the columns have changed since. Spark reads the old version of a Delta table while it
writes the new one; DuckDB builds a new table and swaps the two.

In unit tests: `overrides: {macros: {union_earlier_runs: ''}}`.
#}
{% macro union_earlier_runs(columns, day_column, days) -%}
    {%- set built = load_cached_relation(this) if execute else none -%}
    {%- if built and built.is_table -%}
        {%- set names = adapter.get_columns_in_relation(built) | map(attribute='name') | list -%}
        {%- if columns | reject('in', names) | list | length == 0 -%}
union all

select {{ columns | join(', ') }}
from {{ built }}
where {{ day_column }} not in (select {{ day_column }} from {{ days }})
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
