{#-
One row per race or sprint, lap and driver, with the position at the end of the lap. Positions gained are relative to the end of
the previous lap, on lap 1 to the grid. Drivers have no rows after they retire.
-#}
with laps as (
    select
        laps.*,
        sessions.session_category,
        sessions.round_number,
        lag(laps.position_at_lap_end) over driver_laps as previous_position,
        lag(laps.lap_number) over driver_laps as previous_lap
    from {{ ref('fact_laps') }} as laps
    inner join {{ ref('dim_sessions') }} as sessions
        on laps.session_key = sessions.session_key
    where sessions.session_category in ('Race', 'Sprint')
    window driver_laps as (partition by laps.session_key, laps.driver_number order by laps.lap_number)
),

with_interval as (
    select
        *,
        gap_to_leader_s - lag(gap_to_leader_s) over (
            partition by session_key, lap_number, gap_to_leader_s is null
            order by gap_to_leader_s, position_at_lap_end, driver_number
        ) as interval_ahead_s
    from laps
)

select
    {{ surrogate_key(['laps.session_key', 'laps.lap_number', 'laps.driver_number']) | indent(4) }} as lap_chart_key,
    laps.session_key,
    laps.meeting_key,
    laps.season,
    laps.session_category,
    laps.round_number,
    laps.lap_number,
    laps.driver_number,
    {{ carried_driver_columns('laps') }},
    laps.position_at_lap_end as position,
    laps.gap_to_leader_s,
    round(laps.interval_ahead_s, 3) as interval_ahead_s,
    cast(
        case
            when laps.lap_number = 1 then results.grid_position
            when laps.previous_lap = laps.lap_number - 1 then laps.previous_position
        end - laps.position_at_lap_end as integer
    ) as positions_gained,
    laps.lap_duration,
    laps.compound,
    laps.tyre_age_laps,
    laps.is_pit_in_lap,
    laps.is_pit_out_lap,
    laps.track_status
from with_interval as laps
left join {{ ref('fact_results') }} as results
    on laps.session_key = results.session_key and laps.driver_number = results.driver_number
