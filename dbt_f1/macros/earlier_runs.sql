{#
The rows that a table of measurements holds from earlier days, to be taken over into the new one: what was measured then
cannot be measured again. Empty at first, and when the columns have changed since. Spark reads the old version of a Delta
table while it writes the new one; DuckDB builds beside it and swaps.

In unit tests: `overrides: {macros: {earlier_runs: ''}}`.
#}
{% macro earlier_runs(columns, day_column, days) -%}
    {%- set held = load_cached_relation(this) if execute else none -%}
    {%- if held and held.is_table -%}
        {%- set names = adapter.get_columns_in_relation(held) | map(attribute='name') | list -%}
        {%- if columns | reject('in', names) | list | length == 0 -%}
union all

select {{ columns | join(', ') }}
from {{ held }}
where {{ day_column }} not in (select {{ day_column }} from {{ days }})
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
