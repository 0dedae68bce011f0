{{ config(materialized='table') }}
{#-
The circuits of OpenF1 under the identifiers of Jolpica: one row per circuit_key, with the attributes of its newest meeting. Not part of
dim_circuits, which counts the races of dim_races: dim_races reads the identifiers.

The identifier comes from seed circuit_keys. A circuit that is not in it gets its short name (Madring: madring), the way Jolpica forms
most of its identifiers. Two circuits never share one: the one with the newest meeting gets it, the other a suffix.
-#}
with ranked as (
    select
        *,
        row_number() over (partition by circuit_key order by date_start desc, meeting_key desc) as newness,
        max(circuit_type) over (partition by circuit_key) as known_circuit_type,
        min(season) over (partition by circuit_key) as first_season,
        max(season) over (partition by circuit_key) as last_season,
        count(*) over (partition by circuit_key) as meetings_count
    from {{ ref('silver_meetings') }}
    where circuit_key is not null
),

named as (
    select
        ranked.*,
        circuit_keys.circuit_id as known_circuit_id,
        coalesce(
            circuit_keys.circuit_id,
            replace({{ slug('ranked.circuit_short_name') }}, '-', '_'),
            'circuit_' || cast(ranked.circuit_key as {{ dbt.type_string() }})
        ) as wanted_id
    from ranked
    left join {{ ref('circuit_keys') }} as circuit_keys
        on ranked.circuit_key = circuit_keys.circuit_key
    where ranked.newness = 1
),

claimed as (
    select
        *,
        row_number() over (
            partition by wanted_id
            order by case when known_circuit_id is null then 1 else 0 end, date_start desc, circuit_key desc
        ) as claim
    from named
)

select
    circuit_key,
    case
        when claim = 1 then wanted_id else wanted_id || '--' || cast(circuit_key as {{ dbt.type_string() }})
    end as circuit_id,
    circuit_short_name,
    coalesce(circuit_type, known_circuit_type) as circuit_type,
    location,
    country_code,
    country_name,
    gmt_offset,
    first_season,
    last_season,
    cast(meetings_count as integer) as meetings_count
from claimed
