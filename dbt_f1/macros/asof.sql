{#
For each row of `left` the last row of `right` at or before its time: an as-of join, which only DuckDB has as such.

`left` and `right` are relations or names of CTEs, `keys` columns of both; `left_time` may be null (no match then).
`columns` of `right` come out under the names they map to; every column of `left` stays. Of rows of `right` with the same
keys and time there must be one.
#}
{% macro asof_join(left, right, keys, left_time, right_time, columns) -%}
{{ adapter.dispatch('asof_join', 'f1')(left, right, keys, left_time, right_time, columns) }}
{%- endmacro %}

{% macro duckdb__asof_join(left, right, keys, left_time, right_time, columns) -%}
select
    asof_left.*
    {%- for column, name in columns.items() %},
    asof_right.{{ column }} as {{ name }}
    {%- endfor %}
from {{ left }} as asof_left
asof left join {{ right }} as asof_right
    on
        {%- for key in keys %}
        asof_left.{{ key }} = asof_right.{{ key }} and
        {%- endfor %}
        asof_left.{{ left_time }} >= asof_right.{{ right_time }}
{%- endmacro %}

{# Elsewhere: each row of `right` is valid until the next one of its keys, so a range join finds at most one. #}
{% macro default__asof_join(left, right, keys, left_time, right_time, columns) -%}
select
    asof_left.*
    {%- for column, name in columns.items() %},
    asof_right.{{ column }} as {{ name }}
    {%- endfor %}
from {{ left }} as asof_left
left join (
    select
        *,
        lead({{ right_time }}) over (partition by {{ keys | join(', ') }} order by {{ right_time }}) as asof_until
    from {{ right }}
    where {{ right_time }} is not null
) as asof_right
    on
        {%- for key in keys %}
        asof_left.{{ key }} = asof_right.{{ key }} and
        {%- endfor %}
        asof_left.{{ left_time }} >= asof_right.{{ right_time }}
        and (asof_left.{{ left_time }} < asof_right.asof_until or asof_right.asof_until is null)
{%- endmacro %}
