{#
A number that orders the sessions of rounds, the race after all others of its round: the last session has the names of a period. The number
of the round alone would leave it open which of two sessions that is, and sources write some names differently.
#}
{% macro race_last(number) -%}
({{ number }}) * 2 + case when session_category = 'Race' then 1 else 0 end
{%- endmacro %}
