{#
Unit tests take the types of their made-up rows from the source tables, and the delta plugin knows a table only once it
was asked for. Asking for all of them at the start takes 0.1 s; builds without unit tests need it not.
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
