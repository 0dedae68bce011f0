{#
Values of a source within the bounds of the tables from silver on. A value outside is null, and a row whose key is null stays
in bronze (deduplicate). Ingest quarantines such values by the same bounds (f1_lakehouse/storage/parsing.py); bronze of older
versions has them. Within the bounds no sum, difference or product of the models overflows its type.
#}

{# An integer. #}
{% macro bounded_integer(column) -%}
case when {{ column }} between -{{ var('max_integer') }} and {{ var('max_integer') }} then cast({{ column }} as integer) end
{%- endmacro %}

{# A number; NaN and infinity are null. #}
{% macro bounded_number(column) -%}
case when {{ column }} between -{{ var('max_number') }} and {{ var('max_number') }} then {{ column }} end
{%- endmacro %}

{# A time, as a UTC timestamp without time zone. #}
{% macro bounded_timestamp(column) -%}
case
    when {{ column }} >= {{ utc_literal(var('first_time')) }} and {{ column }} < {{ utc_literal(var('end_of_time')) }}
        then {{ utc(column) }}
end
{%- endmacro %}

{# The square of an integer, as a double: the square of the greatest integer does not fit an integer. #}
{% macro squared(column) -%}cast({{ column }} as {{ type_double() }}) * {{ column }}{%- endmacro %}
