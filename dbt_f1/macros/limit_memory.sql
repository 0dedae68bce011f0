{#
The pre-hook of each model that reads telemetry row by row: DuckDB builds it within a small memory and moves the rest to disk, so that its
need does not grow with the rows. Each thread needs a share of that memory, so the threads are limited too. A smaller F1_DUCKDB_MEMORY
stays. Before the next model both settings are as they were: f1_lakehouse/dbt/duckdb_plugin.py.

Not for all models: one with many windows (lap_features) fails within this memory, however few its rows.
#}
{% macro limit_memory() -%}{{ adapter.dispatch('limit_memory', 'f1')() }}{%- endmacro %}

{% macro default__limit_memory() -%}
    {%- if execute -%}
        {%- set query -%}
select least(
    parse_formatted_bytes(current_setting('memory_limit')), parse_formatted_bytes('{{ var('max_telemetry_memory') }}')
)
        {%- endset -%}
set memory_limit = '{{ run_query(query).rows[0][0] | int }}B';
set threads = {{ var('max_telemetry_threads') }}
    {%- endif -%}
{%- endmacro %}

{# An engine with memory and threads of its own. #}
{% macro spark__limit_memory() -%}{%- endmacro %}
