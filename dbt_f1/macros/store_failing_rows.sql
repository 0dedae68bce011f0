{#
A data test that keeps the rows that failed it, and only those: dbt's own way leaves an empty table behind every test that
passes and runs each query through a table. Here a test is one query; when it fails, its rows go to a table of its name in the
schema `failures`, at most var max_stored_failures, and when it passes again the table goes. The schema is in the warehouse
and is not published.
#}
{% materialization test, default %}
    {%- set sql_with_limit -%}
        {{ get_limit_subquery_sql(sql, config.get('limit')) }}
    {%- endset -%}

    {% call statement('main', fetch_result=True) -%}
        {{ get_test_sql(sql_with_limit, config.get('fail_calc'), config.get('warn_if'), config.get('error_if'), limit=none) }}
    {%- endcall %}

    {%- set relations = [] -%}
    {%- if should_store_failures() -%}
        {%- set failures = load_result('main')['data'][0][0] | int -%}
        {%- set kept = adapter.get_relation(database=database, schema=schema, identifier=model['alias']) -%}
        {%- if kept -%}
            {%- do adapter.drop_relation(kept) -%}
        {%- endif -%}
        {%- if failures > 0 -%}
            {%- set table = api.Relation.create(
                database=database, schema=schema, identifier=model['alias'], type='table'
            ) -%}
            {% call statement('keep', auto_begin=True) -%}
                {{ create_table_as(
                    False, table, 'select * from (' ~ sql ~ '\n) as failing limit ' ~ var('max_stored_failures')
                ) }}
            {%- endcall %}
            {%- do relations.append(table) -%}
        {%- endif -%}
        {%- if kept or failures > 0 -%}
            {%- do adapter.commit() -%}
        {%- endif -%}
    {%- endif -%}
    {{ return({'relations': relations}) }}
{% endmaterialization %}
