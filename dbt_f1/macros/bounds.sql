{#
Values of a source within what the tables from silver on can hold; what lies beyond is null, and a row whose key is null
stays in bronze (keep_one). Ingest refuses such values by the same bounds (f1_lakehouse/storage/parsing.py); bronze of older
versions has them. Within the bounds no sum, difference or product of the models leaves its type.
#}

{# A whole number. #}
{% macro whole(column) -%}
case when {{ column }} between -{{ var('max_integer') }} and {{ var('max_integer') }} then cast({{ column }} as integer) end
{%- endmacro %}

{# A measurement; NaN and infinity are none. #}
{% macro measure(column) -%}
case when {{ column }} between -{{ var('max_number') }} and {{ var('max_number') }} then {{ column }} end
{%- endmacro %}

{# A time, as a plain UTC timestamp. #}
{% macro moment(column) -%}
case
    when {{ column }} >= {{ utc_literal(var('first_time')) }} and {{ column }} < {{ utc_literal(var('end_of_time')) }}
        then {{ utc(column) }}
end
{%- endmacro %}
