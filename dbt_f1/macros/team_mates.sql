{#
How two drivers are compared in a session, for the current seasons (teammate_head_to_head) and for all (teammate_history). Both arguments
are relations with the columns position, q1_s, q2_s and q3_s.
#}

{# Whether `one` is ahead in the classification: a driver without a position loses to one who has it; never null. #}
{% macro is_ahead(one, other) -%}
coalesce({{ one }}.position < {{ other }}.position, {{ one }}.position is not null)
{%- endmacro %}

{# Time of `one` less that of `other` in the last phase of qualifying in which both have a time, s; null without one. #}
{% macro qualifying_gap(one, other) -%}
coalesce(
{%- for phase in ['q3_s', 'q2_s', 'q1_s'] %}{{ one }}.{{ phase }} - {{ other }}.{{ phase }}{{ ', ' if not loop.last }}{% endfor -%}
)
{%- endmacro %}
