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
A table gets its rows in one commit: the old rows or the new ones. Not by `create or replace table … as`, which on Sail with several
workers fails for a query with a function (`no UDF found`), and not by dbt-spark's way for seeds, which drops the table first.
#}
{% macro spark__create_table_as(temporary, relation, compiled_code, language='sql') -%}
    {%- set rows = relation.incorporate(path={'identifier': relation.identifier ~ '__dbt_rows'}) -%}
    {%- set rows = rows.include(database=false, schema=false) -%}
    {%- do run_query(create_temporary_view(rows, compiled_code)) -%}
    {%- set columns, there, values = [], [], [] -%}
    {%- for column in adapter.get_column_schema_from_query('select * from ' ~ rows ~ ' limit 0') -%}
        {%- set name, type = adapter.quote(column.name), column.dtype -%}
        {#- No contract has a decimal: DuckDB divides into a double. -#}
        {%- set type = 'double' if type.startswith('decimal') else type -%}
        {%- do columns.append(name ~ ' ' ~ type) -%}
        {%- do values.append('cast(' ~ name ~ ' as double) as ' ~ name if type != column.dtype else name) -%}
    {%- endfor -%}
    {%- if temporary -%}
{{ create_temporary_view(relation, 'select ' ~ values | join(', ') ~ ' from ' ~ rows) }}
    {%- else -%}
        {%- if adapter.get_relation(database=relation.database, schema=relation.schema, identifier=relation.identifier) -%}
            {%- for column in adapter.get_column_schema_from_query('select * from ' ~ relation ~ ' limit 0') -%}
                {%- do there.append(adapter.quote(column.name) ~ ' ' ~ column.dtype) -%}
            {%- endfor -%}
        {%- endif -%}
        {%- if columns != there -%}
            {%- call statement('columns') -%}
create or replace table {{ relation }} ({{ columns | join(', ') }})
{{ file_format_clause() }}
{{ options_clause() }}
{{ location_clause() }}
            {%- endcall -%}
        {%- endif -%}
insert overwrite {{ relation }} select {{ values | join(', ') }} from {{ rows }}
    {%- endif -%}
{%- endmacro %}


{% macro spark__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
    {{ return(create_csv_table(model, agate_table)) }}
{%- endmacro %}


{% macro spark__create_csv_table(model, agate_table) -%}
    {%- set types = model['config'].get('column_types', {}) -%}
    {%- set query -%}
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
    {%- set write = create_table_as(False, this, query) -%}
    {%- call statement('_') -%}{{ write }}{%- endcall -%}
    {{ return(write) }}
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


{#
The rows that a test is about. A newest day or time in the condition is looked up first and stands in it as a value: Sail with several
workers does not compare with a subquery.
#}
{% macro spark__get_where_subquery(relation) -%}
    {%- set where = config.get('where', '') -%}
    {%- if where and execute -%}
        {%- set found = modules.re.search('\\((select max[^()]*\\([^()]*\\)[^()]*)\\)', where) -%}
        {%- if found -%}
            {%- set column = adapter.get_column_schema_from_query(found.group(1))[0] -%}
            {%- set value = run_query(found.group(1)).rows[0][0] -%}
            {%- set value = "cast('" ~ value ~ "' as " ~ column.dtype ~ ')' if value is not none else 'null' -%}
            {%- set where = where.replace(found.group(0), value) -%}
        {%- endif -%}
    {%- endif -%}
    {{ return('(select * from ' ~ relation ~ ' where ' ~ where ~ ') as dbt_subquery' if where else relation) }}
{%- endmacro %}
