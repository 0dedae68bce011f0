{#-
One row per driver and pit stop of a race since 2011: the stops of Jolpica, else, where Jolpica has none of the race, those of OpenF1.
`lap_number` is the in-lap. Durations that Jolpica served as full seconds or not at all are OpenF1's where it has the stop.
-#}
with jolpica as (
    select
        stops.season,
        stops.round as round_number,
        coalesce(people.driver_id, stops.driver_id) as driver_id,
        stops.stop_number,
        stops.lap_number,
        stops.time_of_day,
        stops.duration_s,
        count(*) over (partition by stops.round_key, stops.driver_id, stops.lap_number) as stops_of_lap
    from {{ ref('silver_jolpica_pit_stops') }} as stops
    left join {{ ref('dim_people') }} as people
        on stops.driver_id = people.jolpica_driver_id
),

openf1 as (
    select
        races.season,
        races.round_number,
        coalesce(results.driver_id, stops.driver_id) as driver_id,
        stops.lap_number,
        max(stops.lane_duration_s) as lane_duration_s
    from {{ ref('fact_pit_stops') }} as stops
    inner join {{ ref('dim_races') }} as races
        on stops.session_key = races.race_session_key
    left join {{ ref('fact_race_results') }} as results
        on stops.session_key = results.session_key and stops.driver_number = results.driver_number
    where coalesce(results.driver_id, stops.driver_id) is not null and stops.lap_number is not null
    group by races.season, races.round_number, coalesce(results.driver_id, stops.driver_id), stops.lap_number
),

rounds as (
    select season, round_number from jolpica group by season, round_number
),

stops as (
    select
        jolpica.season,
        jolpica.round_number,
        jolpica.driver_id,
        jolpica.stop_number,
        jolpica.lap_number,
        jolpica.time_of_day,
        coalesce(
            jolpica.duration_s, case when jolpica.stops_of_lap = 1 then openf1.lane_duration_s end
        ) as pit_lane_duration_s,
        case
            when jolpica.duration_s is not null then 'jolpica'
            when jolpica.stops_of_lap = 1 and openf1.lane_duration_s is not null then 'openf1'
        end as duration_source
    from jolpica
    left join openf1
        on
            jolpica.season = openf1.season
            and jolpica.round_number = openf1.round_number
            and jolpica.driver_id = openf1.driver_id
            and jolpica.lap_number = openf1.lap_number

    union all

    select
        openf1.season,
        openf1.round_number,
        openf1.driver_id,
        cast(
            row_number() over (
                partition by openf1.season, openf1.round_number, openf1.driver_id order by openf1.lap_number
            ) as integer
        ) as stop_number,
        openf1.lap_number,
        null as time_of_day,
        openf1.lane_duration_s as pit_lane_duration_s,
        case when openf1.lane_duration_s is not null then 'openf1' end as duration_source
    from openf1
    where
        not exists (
            select 1 from rounds
            where rounds.season = openf1.season and rounds.round_number = openf1.round_number
        )
)

select
    {{ surrogate_key(['stops.season', 'stops.round_number', 'stops.driver_id', 'stops.stop_number']) | indent(4) }}
        as race_pit_stop_key,
    stops.season,
    stops.round_number,
    races.race_name,
    races.race_session_key as session_key,
    stops.driver_id,
    results.full_name,
    results.constructor_id,
    results.team_id,
    stops.stop_number,
    stops.lap_number,
    stops.time_of_day,
    stops.pit_lane_duration_s,
    stops.duration_source
from stops
left join {{ ref('dim_races') }} as races
    on stops.season = races.season and stops.round_number = races.round_number
left join (
    select
        season, round_number, driver_id, min(full_name) as full_name, min(constructor_id) as constructor_id,
        min(team_id) as team_id
    from {{ ref('fact_race_results') }}
    where session_category = 'Race'
    group by season, round_number, driver_id
) as results
    on
        stops.season = results.season
        and stops.round_number = results.round_number
        and stops.driver_id = results.driver_id
