{#
What dbt-spark has to be told; the SQL itself differs in dialect.sql, asof.sql and replace_partitions.sql only.
#}

{# Bronze under its names: Delta tables where they lie. #}
{% macro spark__open_sources() -%}
    {%- if execute -%}
        {%- do run_query('create database if not exists bronze') -%}
        {%- for node in graph.sources.values() -%}
            {%- do run_query(
                "create table if not exists bronze." ~ node.name ~ " using delta location '"
                ~ env_var('F1_BRONZE_URI') ~ "/" ~ node.name ~ "'"
            ) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}


{# dbt-spark accepts only a fixed list of strategies. The strategy of this project is not in that list. #}
{% macro dbt_spark_validate_get_incremental_strategy(raw_strategy, file_format) -%}
    {{ return(raw_strategy) }}
{%- endmacro %}


{% macro dbt_spark_get_incremental_sql(strategy, source, target, existing, unique_key, incremental_predicates) -%}
    {{ get_incremental_replace_partitions_sql({
        'target_relation': target,
        'temp_relation': source,
        'dest_columns': adapter.get_columns_in_relation(target)
    }) }}
{%- endmacro %}
