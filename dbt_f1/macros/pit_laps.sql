{#
Which lap a row of `pit` belongs to. The source files a stop under the in-lap in races and sprints, and under the out-lap in
practice and qualifying (2,287 of 2,287 and 311 of 311 recorded rows).
#}

{# The lap on which the car enters the pit lane. #}
{% macro in_lap_of_stop(session_category, lap_number) -%}
case when {{ session_category }} in ('Race', 'Sprint') then {{ lap_number }} else {{ lap_number }} - 1 end
{%- endmacro %}
