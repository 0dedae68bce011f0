{#
Values whose JSON type changes from row to row (`gap_to_leader`, `interval`, `duration`) come as JSON text: `0.5`,
`"+1 LAP"`, `[88.1,null,null]`, `null`. Each macro returns one of these
forms, and null for the other forms.
#}

{# The number, if it is one that a column can hold (bounds.sql): 0.5 -> 0.5. #}
{% macro json_number(json) -%}
{{ bounded_number("try_cast(translate(" ~ json ~ ", '\"', '') as " ~ type_double() ~ ")") }}
{%- endmacro %}

{# The number at a place of a list, from 1: [88.1,null,null] at 1 -> 88.1. #}
{% macro json_list_number(json, place) -%}
case
    when {{ json }} like '[%'
        then {{ bounded_number(
            "try_cast(trim(both ' ' from split_part(translate(" ~ json ~ ", '[]', ''), ',', " ~ place ~ ")) as "
            ~ type_double() ~ ")"
        ) }}
end
{%- endmacro %}

{# Laps behind: "+1 LAP" -> 1, "+2 LAPS" -> 2. #}
{% macro json_laps_down(json) -%}
try_cast(nullif(regexp_extract({{ json }}, '[+]([0-9]{1,8}) LAP', 1), '') as integer)
{%- endmacro %}
