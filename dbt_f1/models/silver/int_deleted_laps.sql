{{ config(materialized='ephemeral') }}
select session_key, driver_number, lap_number, cast(null as {{ dbt.type_string() }}) as deletion_reason
from {{ ref('silver_laps') }}
where 1 = 0
