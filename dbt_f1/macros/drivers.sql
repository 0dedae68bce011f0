{#
Who drove, for which team, at which meeting: the columns that facts and driver marts carry, so that a reader can filter
without a join. Facts take them from int_session_drivers (as `drivers`) and silver_meetings (as `meetings`), marts from a fact.
#}

{# The columns in a fact. #}
{% macro driver_columns() -%}
drivers.driver_id,
    drivers.name_acronym,
    drivers.full_name,
    coalesce(drivers.team_id, 'unknown-team') as team_id,
    coalesce(drivers.constructor_id, 'unknown-team') as constructor_id,
    coalesce(drivers.team_name, 'Unknown Team') as team_name,
    meetings.meeting_name
{%- endmacro %}

{# The columns of a relation that has them; with `aggregate`, one value per group (they are the same in all its rows). #}
{% macro carried_driver_columns(relation='', aggregate=none) -%}
{%- set prefix = relation ~ '.' if relation else '' -%}
{%- for column in ['driver_id', 'name_acronym', 'full_name', 'team_id', 'constructor_id', 'team_name', 'meeting_name'] -%}
{%- if aggregate %}{{ aggregate }}({{ prefix }}{{ column }}) as {{ column }}{% else %}{{ prefix }}{{ column }}{% endif -%}
{{ ', ' if not loop.last }}
{%- endfor -%}
{%- endmacro %}
