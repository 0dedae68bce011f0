{{ config(materialized='ephemeral') }}
{#-
The laps that race control has deleted and not reinstated, one row per lap: the last message about a lap decides. Not published.
-#}
select session_key, driver_number, lap_number, deletion_reason
from (
    select
        session_key,
        driver_number,
        lap_number,
        deletion_reason,
        is_reinstatement,
        row_number() over (
            partition by session_key, driver_number, lap_number
            order by
                date desc nulls last,
                served_order desc nulls last,
                case when is_reinstatement then 0 else 1 end,
                race_control_key
        ) as choice
    from {{ ref('int_deletion_messages') }}
    where lap_number is not null
) as messages
where choice = 1 and not is_reinstatement
