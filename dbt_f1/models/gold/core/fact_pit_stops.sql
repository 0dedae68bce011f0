{#-
One row a trip through the pit lane, under the lap on which the car came in.

The tyres before are those of that lap, the tyres after those of the next one. Under a red flag cars stand in the pit lane
for minutes and may change tyres: such a stop costs nothing, so it is marked, and lane times are summed without it.
-#}
with neighbours as (
    select
        stops.*,
        row_number() over (partition by stops.session_key, stops.driver_number order by stops.lap_number) as stop_number,
        in_laps.compound as compound_before,
        in_laps.stint_number as stint_before,
        cast(in_laps.tyre_age_laps + 1 as integer) as tyre_age_laps,
        in_laps.track_status,
        in_laps.position_at_lap_end as position_before,
        out_laps.position_at_lap_end as position_after,
        coalesce(in_laps.track_status = 'Red', false) or coalesce(out_laps.track_status = 'Red', false)
            as is_red_flag_stop
    from {{ ref('silver_pit_stops') }} as stops
    left join {{ ref('fact_laps') }} as in_laps
        on
            stops.session_key = in_laps.session_key
            and stops.driver_number = in_laps.driver_number
            and stops.lap_number = in_laps.lap_number
    left join {{ ref('fact_laps') }} as out_laps
        on
            stops.session_key = out_laps.session_key
            and stops.driver_number = out_laps.driver_number
            and stops.lap_number + 1 = out_laps.lap_number
)

select
    {{ surrogate_key(['stops.session_key', 'stops.driver_number', 'stops.lap_number']) | indent(4) }} as pit_stop_key,
    stops.session_key,
    stops.meeting_key,
    stops.season,
    stops.driver_number,
    drivers.driver_id,
    coalesce(drivers.team_id, 'unknown-team') as team_id,
    coalesce(drivers.team_name, 'Unknown Team') as team_name,
    stops.lap_number,
    cast(stops.stop_number as integer) as stop_number,
    stops.date,
    stops.lane_duration_s,
    stops.stop_duration_s,
    stops.compound_before,
    stops.tyre_age_laps,
    stints.compound as compound_after,
    case when stops.stint_before is not null and stints.stint_number is not null
        then stints.stint_number <> stops.stint_before end as is_tyre_change,
    stops.position_before,
    stops.position_after,
    stops.track_status,
    stops.is_red_flag_stop,
    stops.pulled_at
from neighbours as stops
left join {{ ref('silver_stints') }} as stints
    on
        stops.session_key = stints.session_key
        and stops.driver_number = stints.driver_number
        and stops.lap_number + 1 between stints.lap_start and stints.lap_end
left join {{ ref('silver_drivers') }} as drivers
    on stops.session_key = drivers.session_key and stops.driver_number = drivers.driver_number
