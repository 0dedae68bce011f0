{#
The order of sessions by the number of their round, within a round the race last. The names of a period are those of its last session;
sources write some names differently, so the number of the round alone would not tell which of two sessions that is.
#}
{% macro session_order(number) -%}
({{ number }}) * 2 + case when session_category = 'Race' then 1 else 0 end
{%- endmacro %}
