{#
Statistics of lap times, computed from exact integer sums. The last digits of a sum of doubles depend on the order of the rows,
which differs between loads. Tables must be equal after each load, so times are summed as integer milliseconds.
#}

{# A time in seconds as integer milliseconds. #}
{% macro milliseconds(seconds) -%}cast(round(({{ seconds }}) * 1000) as bigint){%- endmacro %}

{# The mean of a time in seconds over the rows that meet the condition, 6 decimals; null when there is none. #}
{% macro mean_seconds(seconds, condition) -%}
round(
    cast(sum(case when {{ condition }} then {{ milliseconds(seconds) }} end) as {{ type_double() }})
    / (1000 * nullif(count(case when {{ condition }} then {{ seconds }} end), 0)),
    6
)
{%- endmacro %}

{# The standard deviation (sample) of a time in seconds over the rows that meet the condition, 6 decimals; null below two. #}
{% macro stddev_seconds(seconds, condition) -%}
{%- set n = 'count(case when ' ~ condition ~ ' then ' ~ seconds ~ ' end)' -%}
{%- set ms = milliseconds(seconds) -%}
{%- set sum_ms = 'sum(case when ' ~ condition ~ ' then ' ~ ms ~ ' end)' -%}
{%- set sum_squares = 'sum(case when ' ~ condition ~ ' then ' ~ ms ~ ' * ' ~ ms ~ ' end)' -%}
round(
    sqrt(
        cast({{ n }} * {{ sum_squares }} - {{ sum_ms }} * {{ sum_ms }} as {{ type_double() }})
        / nullif(cast({{ n }} * ({{ n }} - 1) as {{ type_double() }}), 0)
    ) / 1000,
    6
)
{%- endmacro %}

{#
The slope of the least-squares line through (x, y), in the unit of y per unit of x, computed from the sums over the rows: the
same number as regr_slope(y, x). `n`, `sx`, `sy`, `sxy`, `sxx` are integers, y in thousandths. Null when all x are equal.
#}
{% macro slope_of_sums(n, sx, sy, sxy, sxx) -%}
round(
    cast({{ n }} * {{ sxy }} - {{ sx }} * {{ sy }} as {{ type_double() }})
    / nullif(1000.0 * cast({{ n }} * {{ sxx }} - {{ sx }} * {{ sx }} as {{ type_double() }}), 0),
    6
)
{%- endmacro %}
