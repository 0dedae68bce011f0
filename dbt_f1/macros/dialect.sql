{#
What DuckDB and Spark write differently, in one place: models call these and stay portable. `default__` is DuckDB.
#}

{# A timestamp with time zone as a plain UTC timestamp: gold must not change with the reader's time zone. #}
{% macro utc(column) -%}{{ adapter.dispatch('utc', 'f1')(column) }}{%- endmacro %}
{% macro default__utc(column) -%}({{ column }} at time zone 'UTC'){%- endmacro %}
{% macro spark__utc(column) -%}{{ column }}{%- endmacro %}

{# A UTC text as a point in time that compares with a bronze column. #}
{% macro utc_literal(value) -%}{{ adapter.dispatch('utc_literal', 'f1')(value) }}{%- endmacro %}
{% macro default__utc_literal(value) -%}cast('{{ value }}' as timestamptz){%- endmacro %}
{% macro spark__utc_literal(value) -%}cast('{{ value }}' as timestamp){%- endmacro %}

{# Seconds from one time to another, with their fraction. #}
{% macro seconds_between(earlier, later) -%}{{ adapter.dispatch('seconds_between', 'f1')(earlier, later) }}{%- endmacro %}
{% macro default__seconds_between(earlier, later) -%}
((epoch_us({{ later }}) - epoch_us({{ earlier }})) / 1000000.0)
{%- endmacro %}
{% macro spark__seconds_between(earlier, later) -%}
((unix_micros({{ later }}) - unix_micros({{ earlier }})) / 1000000.0D)
{%- endmacro %}

{# A time moved by a number of seconds, to the microsecond. #}
{% macro add_seconds(time, seconds) -%}{{ adapter.dispatch('add_seconds', 'f1')(time, seconds) }}{%- endmacro %}
{% macro default__add_seconds(time, seconds) -%}
({{ time }} + to_microseconds(cast(round(({{ seconds }}) * 1000000) as bigint)))
{%- endmacro %}
{% macro spark__add_seconds(time, seconds) -%}
timestamp_micros(unix_micros({{ time }}) + cast(round(({{ seconds }}) * 1000000) as bigint))
{%- endmacro %}

{# Every match replaced; DuckDB replaces only the first unless told. #}
{% macro replace_all(text, pattern, replacement) -%}
{{ adapter.dispatch('replace_all', 'f1')(text, pattern, replacement) }}
{%- endmacro %}
{% macro default__replace_all(text, pattern, replacement) -%}
regexp_replace({{ text }}, '{{ pattern }}', '{{ replacement }}', 'g')
{%- endmacro %}
{% macro spark__replace_all(text, pattern, replacement) -%}
regexp_replace({{ text }}, '{{ pattern }}', '{{ replacement }}')
{%- endmacro %}

{# Texts one after the other, in an order; dbt.listagg leaves the order out on Spark. #}
{% macro text_list(text, separator, order) -%}{{ adapter.dispatch('text_list', 'f1')(text, separator, order) }}{%- endmacro %}
{% macro default__text_list(text, separator, order) -%}
string_agg({{ text }}, '{{ separator }}' order by {{ order }})
{%- endmacro %}
{% macro spark__text_list(text, separator, order) -%}
listagg({{ text }}, '{{ separator }}') within group (order by {{ order }})
{%- endmacro %}

{# The last value that is not null, as a window function without its `over`. #}
{% macro last_non_null(column) -%}{{ adapter.dispatch('last_non_null', 'f1')(column) }}{%- endmacro %}
{% macro default__last_non_null(column) -%}last_value({{ column }} ignore nulls){%- endmacro %}
{% macro spark__last_non_null(column) -%}last_value({{ column }}) ignore nulls{%- endmacro %}

{% macro type_double() -%}{{ adapter.dispatch('type_double', 'f1')() }}{%- endmacro %}
{% macro default__type_double() -%}double{%- endmacro %}

{# The element at a place of a list, from 1, at most its cardinality. #}
{% macro list_element(list, place) -%}{{ adapter.dispatch('list_element', 'f1')(list, place) }}{%- endmacro %}
{% macro default__list_element(list, place) -%}list_extract({{ list }}, {{ place }}){%- endmacro %}
{% macro spark__list_element(list, place) -%}element_at({{ list }}, {{ place }}){%- endmacro %}

{#
Whether a column of bronze has one of these values. Not as such on Sail with several workers, which compares a list of more than three
with another column of a table with partitions; the sessions of a season are read, and not the file of a pull alone.
#}
{% macro among(column, values) -%}{{ adapter.dispatch('among', 'f1')(column, values) }}{%- endmacro %}
{% macro default__among(column, values) -%}{{ column }} in ({{ values | join(', ') }}){%- endmacro %}
{% macro spark__among(column, values) -%}concat({{ column }}, '') in ({{ values | join(', ') }}){%- endmacro %}
