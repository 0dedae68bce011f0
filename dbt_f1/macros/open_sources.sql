{#
Unit tests take the column types of their rows from the source tables, and the delta plugin registers a table only when it is
read. Registering all tables at the start takes 0.1 s. Builds without unit tests do not need it.
#}
{% macro open_sources() -%}{{ adapter.dispatch('open_sources', 'f1')() }}{%- endmacro %}

{% macro default__open_sources() -%}
    {%- set left_out = invocation_args_dict.get('exclude_resource_types') or [] -%}
    {%- if execute and flags.WHICH in ('build', 'test') and 'unit_test' not in left_out -%}
        {%- for node in graph.sources.values() -%}
            {%- do source(node.source_name, node.name) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
