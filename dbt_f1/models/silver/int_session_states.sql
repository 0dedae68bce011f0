{#- In schema silver, because every table in schema gold is published. -#}
{{ config(materialized='ephemeral') }}
{#- The current state of each session in the source. Empty in an as-of build, see int_driver_states. -#}
select
    sessions.session_key,
    sessions.meeting_key,
    sessions.session_name,
    sessions.session_category,
    sessions.location,
    sessions.date_start,
    sessions.date_end,
    coalesce(calendar.is_session_cancelled, sessions.is_cancelled) as is_cancelled,
    sessions.pulled_at
from {{ ref('silver_sessions') }} as sessions
left join {{ ref('int_calendar') }} as calendar
    on sessions.session_key = calendar.session_key
{{ 'where 1 = 0' if as_of() }}
