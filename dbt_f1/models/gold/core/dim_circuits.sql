{#-
One row per circuit of the championship since 1950. The attributes of OpenF1 are those of the newest meeting held there.
`circuit_key` is null for circuits that OpenF1 never had.
-#}
with races as (
    select circuit_id, min(season) as first_season, max(season) as last_season, count(*) as races_count
    from {{ ref('dim_races') }}
    where circuit_id is not null
    group by circuit_id
),

identifiers as (
    select circuit_id from {{ ref('silver_jolpica_circuits') }}
    union
    select circuit_id from {{ ref('int_circuits') }}
    union
    select circuit_id from races
)

select
    {{ surrogate_key(['identifiers.circuit_id']) | indent(4) }} as dim_circuit_key,
    identifiers.circuit_id,
    openf1.circuit_key,
    coalesce(jolpica.circuit_name, openf1.circuit_short_name) as circuit_name,
    openf1.circuit_short_name,
    openf1.circuit_type,
    coalesce(openf1.location, jolpica.locality) as location,
    openf1.country_code,
    coalesce(openf1.country_name, jolpica.country) as country_name,
    openf1.gmt_offset,
    jolpica.latitude,
    jolpica.longitude,
    least(
        coalesce(openf1.first_season, races.first_season), coalesce(races.first_season, openf1.first_season)
    ) as first_season,
    greatest(
        coalesce(openf1.last_season, races.last_season), coalesce(races.last_season, openf1.last_season)
    ) as last_season,
    cast(coalesce(races.races_count, 0) as integer) as races_count,
    coalesce(openf1.meetings_count, 0) as meetings_count
from identifiers
left join {{ ref('silver_jolpica_circuits') }} as jolpica
    on identifiers.circuit_id = jolpica.circuit_id
left join {{ ref('int_circuits') }} as openf1
    on identifiers.circuit_id = openf1.circuit_id
left join races
    on identifiers.circuit_id = races.circuit_id
