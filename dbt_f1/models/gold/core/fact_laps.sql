{#-
One row per driver and lap, with the conditions of the lap (int_laps), the driver and the team. A race ends with the chequered
flag: rows of the lap back to the pits are excluded.
-#}
select
    {{ surrogate_key(['laps.session_key', 'laps.driver_number', 'laps.lap_number']) | indent(4) }} as lap_key,
    laps.session_key,
    laps.meeting_key,
    laps.season,
    laps.driver_number,
    {{ driver_columns() }},
    laps.lap_number,
    laps.date_start,
    laps.lap_start_at,
    laps.lap_end_at,
    laps.lap_duration,
    laps.duration_sector_1,
    laps.duration_sector_2,
    laps.duration_sector_3,
    laps.calculated_lap_duration,
    laps.sector_duration_delta,
    laps.sector_completeness,
    laps.intermediate_1_speed,
    laps.intermediate_2_speed,
    laps.speed_trap_speed,
    laps.max_speed,
    laps.is_valid_lap,
    laps.is_impossible_time,
    laps.is_deleted,
    laps.deletion_reason,
    laps.is_pit_out_lap,
    laps.is_pit_in_lap,
    laps.driver_lap_rank,
    laps.session_lap_time_rank,
    laps.driver_best_lap_time,
    laps.delta_to_personal_best,
    laps.is_personal_best_lap,
    laps.stint_number,
    laps.compound,
    laps.tyre_age_laps,
    laps.position_at_lap_end,
    laps.gap_to_leader_s,
    laps.track_status,
    laps.is_clean_lap,
    laps.air_temperature,
    laps.track_temperature,
    laps.is_raining,
    laps.pulled_at
from {{ ref('int_laps') }} as laps
left join {{ ref('int_session_drivers') }} as drivers
    on laps.session_key = drivers.session_key and laps.driver_number = drivers.driver_number
left join {{ ref('silver_meetings') }} as meetings
    on laps.meeting_key = meetings.meeting_key
where laps.is_after_chequered_flag is not true
