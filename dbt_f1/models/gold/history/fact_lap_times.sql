{{ config(materialized='incremental', incremental_strategy='replace_partitions', on_schema_change='fail') }}
{#-
One row per driver and lap of a race since 1996, from Jolpica: position and time at the end of the lap. Where OpenF1 has the race,
fact_laps has the same laps with sectors, tyres and flags: join by dim_races.race_session_key, driver_id and lap_number.

Incremental by round, because all seasons together have 600,000 rows and a weekend adds one round. The gap is the difference of the
sums of the lap times; it is null from the first lap on whose time is missing.
-#}
with changed as (
    {{ changed_rounds() }}
),

laps as (
    select
        laps.lap_time_key,
        laps.season,
        laps.round_key,
        laps.round as round_number,
        laps.driver_id as jolpica_driver_id,
        laps.lap_number,
        laps.position,
        laps.lap_time_s,
        changed.built_from,
        sum({{ milliseconds('laps.lap_time_s') }}) over so_far as elapsed_ms,
        count(laps.lap_time_s) over so_far as timed_laps
    from {{ ref('silver_jolpica_laps') }} as laps
    inner join changed
        on laps.round_key = changed.round_key
    window so_far as (
        partition by laps.round_key, laps.driver_id order by laps.lap_number rows between unbounded preceding and current row
    )
),

crossings as (
    select
        *,
        case when timed_laps = lap_number then elapsed_ms end as crossed_ms
    from laps
)

select
    crossings.lap_time_key,
    crossings.season,
    crossings.round_key,
    crossings.round_number,
    coalesce(people.driver_id, crossings.jolpica_driver_id) as driver_id,
    crossings.jolpica_driver_id,
    crossings.lap_number,
    crossings.position,
    crossings.lap_time_s,
    cast(
        crossings.crossed_ms
        - min(crossings.crossed_ms) over (partition by crossings.round_key, crossings.lap_number)
        as {{ type_double() }}
    ) / 1000 as gap_to_leader_s,
    crossings.built_from
from crossings
left join {{ ref('dim_people') }} as people
    on crossings.jolpica_driver_id = people.jolpica_driver_id
