{{ config(materialized='ephemeral') }}
{#-
Laps that end or begin in the pit lane, one row per driver and lap, from the stops and the stints. A lap may have no row in
silver_laps. The flag of the source itself is in silver_laps. Not published.
-#}
with in_laps as (
    select
        stops.session_key,
        stops.driver_number,
        {{ in_lap_of_stop('sessions.session_category', 'stops.lap_number') }} as lap_number
    from {{ ref('silver_pit_stops') }} as stops
    left join {{ ref('silver_sessions') }} as sessions on stops.session_key = sessions.session_key
),

-- a stint after one of a single lap on the same compound is no stop (the one start of 1,699 that is none)
stint_starts as (
    select session_key, driver_number, lap_start as lap_number
    from (
        select
            session_key,
            driver_number,
            lap_start,
            compound,
            lag(stint_laps) over stints_of_driver as previous_stint_laps,
            lag(compound) over stints_of_driver as previous_compound
        from {{ ref('silver_stints') }}
        where lap_start is not null
        window stints_of_driver as (partition by session_key, driver_number order by stint_number)
    ) as stints
    where lap_start > 1 and not coalesce(previous_stint_laps = 1 and previous_compound = compound, false)
)

select
    session_key,
    driver_number,
    lap_number,
    count(in_lap) > 0 as is_in_lap,
    count(out_lap) > 0 as is_out_lap
from (
    select session_key, driver_number, lap_number, lap_number as in_lap, cast(null as integer) as out_lap from in_laps
    union all
    select session_key, driver_number, lap_number + 1 as lap_number, null as in_lap, lap_number + 1 as out_lap from in_laps
    union all
    select session_key, driver_number, lap_number, null as in_lap, lap_number as out_lap from stint_starts
) as pit_laps
group by session_key, driver_number, lap_number
