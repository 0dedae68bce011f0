{#-
One row per session and driver with a valid lap, ordered by the fastest valid lap. This is not the result: a race is not won by
the fastest lap, so the official position is included as `classified_position`.
-#}
with best as (
    select *
    from {{ ref('fact_laps') }}
    where is_personal_best_lap
),

ordered as (
    select
        *,
        -- the earlier one of equal times
        row_number() over (
            partition by session_key
            order by lap_duration, lap_start_at nulls last, lap_number, driver_number
        ) as position,
        row_number() over (
            partition by session_key, team_id
            order by lap_duration, lap_start_at nulls last, lap_number, driver_number
        ) as team_position,
        min(lap_duration) over (partition by session_key) as session_best
    from best
)

select
    {{ surrogate_key(['ordered.session_key', 'ordered.driver_number']) | indent(4) }} as leaderboard_key,
    ordered.session_key,
    ordered.meeting_key,
    ordered.season,
    ordered.driver_number,
    {{ carried_driver_columns('ordered') }},
    drivers.broadcast_name,
    cast(ordered.position as integer) as position,
    cast(ordered.team_position as integer) as team_position,
    round(ordered.lap_duration, 3) as fastest_lap_time,
    ordered.lap_number as fastest_lap_number,
    ordered.compound as fastest_lap_compound,
    round(ordered.lap_duration - ordered.session_best, 3) as delta_to_fastest,
    round(100.0 * (ordered.lap_duration - ordered.session_best) / nullif(ordered.session_best, 0), 2)
        as gap_percentage,
    ordered.position = 1 as is_fastest,
    ordered.position <= 3 as is_top_3,
    ordered.position <= 10 as is_top_10,
    ordered.team_position = 1 as is_fastest_in_team,
    results.position as classified_position
from ordered
left join {{ ref('int_session_drivers') }} as drivers
    on ordered.session_key = drivers.session_key and ordered.driver_number = drivers.driver_number
left join {{ ref('fact_results') }} as results
    on ordered.session_key = results.session_key and ordered.driver_number = results.driver_number
