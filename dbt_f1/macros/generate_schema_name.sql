{# Schemas are called silver, gold and snapshots in every environment: an environment is a file of its own. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
