{#
What the texts of race control say, in one place: the wordings stand here, the rules that use them in the models.
#}

{# The car that a message names, the first one of several: "CAR 4 (NOR) …", "CARS 18 (STR) AND 16 (LEC) …", "CARS 3, 1 AND 2 …". #}
{% macro driver_of_message(message) -%}
cast(nullif(regexp_extract({{ message }}, '(^|[^A-Z])CARS? ([0-9]{1,3})([^0-9A-Z]|$)', 2), '') as integer)
{%- endmacro %}


{# Whether a message sends the safety car, and the field behind it, through the pit lane. #}
{% macro is_through_the_pit_lane(message) -%}
(regexp_extract({{ message }}, '(SAFETY CAR (WILL )?(GO THROUGH|PASS THROUGH|THROUGH|VIA|USE) (THE )?PIT ?LANE)', 1) <> '')
{%- endmacro %}


{# Whether a message deletes a lap or reinstates one. #}
{% macro is_about_a_deleted_lap(message) -%}
({{ message }} like '%DELETED%' or {{ message }} like '%REINSTATED%')
{%- endmacro %}


{# The lap time that a message quotes, "TIME 1:04.786", in milliseconds. #}
{% macro quoted_time_ms(message) -%}
(
    coalesce(cast(nullif(regexp_extract({{ message }}, 'TIME ([0-9]{1,3}):[0-9]{2}[.][0-9]{3}', 1), '') as integer), 0) * 60000
    + cast(nullif(regexp_extract({{ message }}, 'TIME ([0-9]{1,3}:)?([0-9]{1,2})[.][0-9]{3}', 2), '') as integer) * 1000
    + cast(nullif(regexp_extract({{ message }}, 'TIME ([0-9]{1,3}:)?[0-9]{1,2}[.]([0-9]{3})', 2), '') as integer)
)
{%- endmacro %}


{# The lap that a message quotes, "LAP 5". #}
{% macro quoted_lap(message) -%}
cast(nullif(regexp_extract({{ message }}, 'LAP ([0-9]{1,3})( |$)', 1), '') as integer)
{%- endmacro %}


{# The local clock that a message quotes, "16:13:00", in seconds of the day. #}
{% macro quoted_clock_s(message) -%}
(
    cast(nullif(regexp_extract({{ message }}, ' ([0-9]{2}):[0-9]{2}:[0-9]{2}( |$)', 1), '') as integer) * 3600
    + cast(nullif(regexp_extract({{ message }}, ' [0-9]{2}:([0-9]{2}):[0-9]{2}( |$)', 1), '') as integer) * 60
    + cast(nullif(regexp_extract({{ message }}, ' [0-9]{2}:[0-9]{2}:([0-9]{2})( |$)', 1), '') as integer)
)
{%- endmacro %}


{# Why a lap is deleted, "TRACK LIMITS AT TURN 6", without the lap and the clock behind it. #}
{% macro deletion_reason(message) -%}
nullif(trim(both ' ' from regexp_extract({{ message }}, 'DELETED *[-–]? *(.*?)( LAP [0-9].*| [0-9]{2}:[0-9]{2}:[0-9]{2}.*| [(].*)?$', 1)), '')
{%- endmacro %}


{# The seconds of an offset "[-]HH:MM:SS" from UTC. #}
{% macro offset_s(gmt_offset) -%}
(
    (case when {{ gmt_offset }} like '-%' then -1 else 1 end)
    * (
        cast(nullif(regexp_extract({{ gmt_offset }}, '([0-9]{2}):[0-9]{2}', 1), '') as integer) * 3600
        + cast(nullif(regexp_extract({{ gmt_offset }}, '[0-9]{2}:([0-9]{2})', 1), '') as integer) * 60
    )
)
{%- endmacro %}


{#
What a message means for the state of the track; null when it means nothing. "VIRTUAL SAFETY CAR" and "VSC" are the same,
and so are "SAFETY CAR" and "SC". What race control only forecasts ("… AT 15:44"), notes or investigates is no event.

red              the session is stopped
started          the session (re)starts, as the source's session status says (since 2026)
pit_exit_open    the pit exit opens: the end of a red flag in practice and qualifying, nothing in races
not_resumed      the session stays stopped
standing_start   a standing start, or the procedure for one
rolling_start    a rolling start, or the procedure for one: behind the safety car until it has ended
behind_sc        the race starts, or starts again, behind the safety car; a formation lap alone is no start
restart_behind_sc  the race will start again behind the safety car, at a time that is forecast
sc, vsc          a safety car, a virtual one
sc_ending, vsc_ending  it is called in
clear            the track is clear
yellow, sector_clear   the state of one marshal sector
#}
{% macro track_event(category, flag, scope, message) -%}
{%- set text = "replace(replace(" ~ message ~ ", 'VIRTUAL SAFETY CAR', 'VSC'), 'SAFETY CAR', 'SC')" -%}
case
    when {{ flag }} = 'RED' then 'red'
    when {{ category }} = 'SessionStatus' then
        case
            when {{ message }} like '%ABORTED%' then 'red'
            when {{ message }} like '%STARTED%' or {{ message }} like '%RESUMED%' then 'started'
        end
    when {{ scope }} = 'Sector' and {{ flag }} in ('YELLOW', 'DOUBLE YELLOW') then 'yellow'
    when {{ scope }} = 'Sector' and {{ flag }} in ('CLEAR', 'GREEN') then 'sector_clear'
    when {{ message }} like 'GREEN LIGHT%PIT EXIT OPEN%' or {{ message }} like 'PIT EXIT OPEN%' then 'pit_exit_open'
    when {{ flag }} in ('CLEAR', 'GREEN') and {{ scope }} = 'Track' then
        case when {{ message }} like '%PIT%' then null else 'clear' end
    -- a message about a car, or by the stewards, speaks of what has been
    when
        {{ category }} in ('Drs', 'CarEvent') or {{ message }} like '%STEWARDS%' or {{ message }} like '%INCIDENT%'
        or {{ message }} like '%INFRINGEMENT%' or {{ message }} like '%ABORTED%'
        or {{ driver_of_message(message) }} is not null
        then null
    when {{ message }} like '%NOT BE RESUMED%' then 'not_resumed'
    when {{ text }} like 'VSC DEPLOYED%' then 'vsc'
    when {{ text }} like 'VSC END%' then 'vsc_ending'
    when {{ text }} like 'SC DEPLOYED%' then 'sc'
    when {{ text }} like 'SC IN THIS LAP%' then 'sc_ending'
    when {{ is_through_the_pit_lane(message) }} then 'sc'
    when {{ text }} like '%FORMATION%' then null
    when {{ text }} like '%SC WILL STAY OUT%' then 'restart_behind_sc'
    when {{ message }} like '%RESUME% AT%' or {{ message }} like '%RESTART% AT%' then
        case when {{ text }} like '%ROLLING START%' or {{ text }} like '%BEHIND%SC%' then 'restart_behind_sc' end
    when {{ text }} like '%BEHIND%SC%' then 'behind_sc'
    when {{ message }} like 'STANDING START%' then 'standing_start'
    when {{ message }} like 'ROLLING START%' or {{ message }} like '%: ROLLING START%' then 'rolling_start'
end
{%- endmacro %}
