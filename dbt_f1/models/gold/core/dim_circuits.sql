{#- One row per circuit, with the attributes of the newest meeting held there. -#}
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
)

select
    {{ surrogate_key(['circuit_key']) | indent(4) }} as dim_circuit_key,
    circuit_key,
    circuit_short_name,
    coalesce(circuit_type, known_circuit_type) as circuit_type,
    location,
    country_code,
    country_name,
    gmt_offset,
    first_season,
    last_season,
    cast(meetings_count as integer) as meetings_count
from ranked
where newness = 1
