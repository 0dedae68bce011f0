{#
The pre-hook of each model that reads telemetry row by row, and of lap_features, which compares each lap with the laps before it: DuckDB
builds them within a small memory and moves the rest to disk, so that their need does not grow with the rows. Each thread needs a share of that
memory, so the threads are limited too. A smaller F1_DUCKDB_MEMORY stays. No other model runs at the same time, and after it both settings are
as they were: `meta: {runs_alone: true}`, f1_lakehouse/dbt/node_turns.py.
#}
{% macro limit_memory() -%}{{ adapter.dispatch('limit_memory', 'f1')() }}{%- endmacro %}

{% macro default__limit_memory() -%}
    {%- if execute -%}
        {%- set query -%}
select least(
    parse_formatted_bytes(current_setting('memory_limit')), parse_formatted_bytes('{{ var('max_model_memory') }}')
)
        {%- endset -%}
set memory_limit = '{{ run_query(query).rows[0][0] | int }}B';
set threads = {{ var('max_model_threads') }}
    {%- endif -%}
{%- endmacro %}

{# An engine with memory and threads of its own. #}
{% macro spark__limit_memory() -%}{%- endmacro %}
