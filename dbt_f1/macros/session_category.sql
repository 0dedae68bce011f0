{#
The kind of a session. The sprint's qualifying was called Sprint Shootout in 2023 and is Sprint Qualifying since; the name
decides first, as `session_type` says Race of a sprint and Qualifying of both qualifyings.
#}
{% macro session_category(name, type) -%}
case
    when {{ name }} = 'Race' then 'Race'
    when {{ name }} = 'Sprint' then 'Sprint'
    when {{ name }} in ('Sprint Shootout', 'Sprint Qualifying') then 'Sprint Qualifying'
    when {{ name }} = 'Qualifying' then 'Qualifying'
    when {{ name }} like 'Practice%' or {{ name }} like 'Day %' then 'Practice'
    when {{ type }} in ('Race', 'Qualifying', 'Practice') then {{ type }}
    else 'Other'
end
{%- endmacro %}
