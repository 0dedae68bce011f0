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

{#
Every team that a session lists, one row per car. `choice` is 1 for cars of support drivers, whose team counts where no other
row has it: facts name it for the driver whose number the car has.
#}
{% macro listed_teams() -%}
select
    team_id, constructor_id, team_name, team_category, team_colour, driver_id, season, date_start, session_key, driver_number,
    0 as choice
from {{ ref('int_drivers') }}
where is_f1_driver and team_id <> 'unknown-team'

union all

select
    number_team_id as team_id, number_constructor_id as constructor_id, number_team_name as team_name,
    number_team_category as team_category, number_team_colour as team_colour,
    coalesce(number_driver_id, driver_id) as driver_id, season, date_start, session_key, driver_number, 1 as choice
from {{ ref('int_drivers') }}
where number_team_id is not null
{%- endmacro %}
