{#
What dbt-spark has to be told; the SQL itself differs in dialect.sql, asof.sql and replace_partitions.sql only.
#}

{# The tables are registered before dbt starts: f1_lakehouse/dbt/spark_session.py. #}
{% macro spark__open_sources() -%}{%- endmacro %}


{# Sail's catalog has no columns of a table that was registered by its folder, so a query has to tell them. #}
{% macro spark__get_columns_in_relation_raw(relation) -%}
    {%- set columns = adapter.get_column_schema_from_query('select * from ' ~ relation ~ ' limit 0') -%}
    {%- set rows = [] -%}
    {%- for column in columns -%}
        {%- do rows.append("('" ~ column.name ~ "', '" ~ column.dtype ~ "')") -%}
    {%- endfor -%}
    {{ return(run_query('select * from (values ' ~ rows | join(', ') ~ ') as described (col_name, data_type)')) }}
{%- endmacro %}


{#
A seed replaces its table in one statement. dbt-spark drops the table and creates it again; an engine that keeps the files of a dropped
table would have the rows twice.
#}
{% macro spark__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
    {{ return(create_csv_table(model, agate_table)) }}
{%- endmacro %}


{% macro spark__create_csv_table(model, agate_table) -%}
    {%- set types = model['config'].get('column_types', {}) -%}
    {%- set query -%}
create or replace table {{ this.render() }}
{{ file_format_clause() }}
{{ options_clause() }}
{{ location_clause() }}
as
select
    {%- for name in agate_table.column_names %}
    cast({{ name }} as {{ types.get(name, adapter.convert_type(agate_table, loop.index0)) }}) as {{ name }}
    {{- ',' if not loop.last }}
    {%- endfor %}
from (values
    {%- for row in agate_table.rows %}
    ({%- for value in row -%}
        {{ 'null' if value is none else dbt.string_literal(escape_single_quotes(value | string)) }}{{ ', ' if not loop.last }}
    {%- endfor -%}){{ ',' if not loop.last }}
    {%- endfor %}
) as rows ({{ agate_table.column_names | join(', ') }})
    {%- endset -%}
    {%- call statement('_') -%}{{ query }}{%- endcall -%}
    {{ return(query) }}
{%- endmacro %}


{% macro spark__load_csv_rows(model, agate_table) -%}{{ return('') }}{%- endmacro %}


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
