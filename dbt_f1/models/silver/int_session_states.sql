{#- In the schema of silver: what lies in gold is published. -#}
{{ config(materialized='ephemeral') }}
{#- What the source says of each session now. In a build as of a moment there is none, see int_driver_states. -#}
select
    session_key,
    meeting_key,
    session_name,
    session_category,
    location,
    date_start,
    date_end,
    is_cancelled,
    pulled_at
from {{ ref('silver_sessions') }}
{{ 'where 1 = 0' if var('as_of') }}
