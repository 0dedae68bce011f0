{#
What the texts of race control say, in one place: the wordings stand here, the rules that use them in the models.
#}

{# The car that a message names, the first one of several: "CAR 4 (NOR) …", "CARS 18 (STR) AND 16 (LEC) …". #}
{% macro driver_of_message(message) -%}
cast(nullif(regexp_extract({{ message }}, '(^|[^A-Z])CARS? ([0-9]{1,3})( |$)', 2), '') as integer)
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
nullif(trim(both ' ' from regexp_extract({{ message }}, 'DELETED *[-–]? *(.*?)( LAP [0-9].*| [(].*)?$', 1)), '')
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
