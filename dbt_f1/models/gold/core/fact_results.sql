{#-
One row a driver of the official classification, with the grid he started from and his fastest lap.

The grid is kept by the source under the session that decided it, so it is found over the meeting and the kind of
session: Qualifying sets the grid of the Race, Sprint Qualifying that of the Sprint.
-#}
with results as (
    select
        results.*,
        sessions.session_category
    from {{ ref('silver_session_results') }} as results
    left join {{ ref('silver_sessions') }} as sessions
        on results.session_key = sessions.session_key
),

grids as (
    select
        sessions.meeting_key,
        case sessions.session_category
            when 'Qualifying' then 'Race'
            when 'Sprint Qualifying' then 'Sprint'
        end as session_category,
        grid.driver_number,
        grid.position as grid_position,
        row_number() over (
            partition by sessions.meeting_key, sessions.session_category, grid.driver_number
            order by sessions.date_start desc nulls last, grid.session_key desc
        ) as newness
    from {{ ref('silver_starting_grid') }} as grid
    inner join {{ ref('silver_sessions') }} as sessions
        on grid.session_key = sessions.session_key
),

-- where a meeting lists two qualifyings of a kind, the later one set the grid
grid as (
    select * from grids where newness = 1
),

fastest as (
    select
        session_key,
        driver_number,
        lap_duration as fastest_lap_time,
        lap_number as fastest_lap_number,
        rank() over (partition by session_key order by lap_duration) as fastest_lap_rank
    from {{ ref('fact_laps') }}
    where is_personal_best_lap
)

select
    {{ surrogate_key(['results.session_key', 'results.driver_number']) | indent(4) }} as result_key,
    results.session_key,
    results.meeting_key,
    results.season,
    results.session_category,
    results.driver_number,
    drivers.driver_id,
    coalesce(drivers.team_id, 'unknown-team') as team_id,
    coalesce(drivers.team_name, 'Unknown Team') as team_name,
    results.position,
    results.status,
    results.points,
    grid.grid_position,
    grid.grid_position - results.position as positions_gained,
    results.number_of_laps,
    results.duration_s,
    results.q1_s,
    results.q2_s,
    results.q3_s,
    results.gap_to_leader_s,
    results.laps_down,
    fastest.fastest_lap_time,
    fastest.fastest_lap_number,
    cast(fastest.fastest_lap_rank as integer) as fastest_lap_rank,
    results.pulled_at
from results
left join {{ ref('silver_drivers') }} as drivers
    on results.session_key = drivers.session_key and results.driver_number = drivers.driver_number
left join grid
    on
        results.meeting_key = grid.meeting_key
        and results.session_category = grid.session_category
        and results.driver_number = grid.driver_number
left join fastest
    on results.session_key = fastest.session_key and results.driver_number = fastest.driver_number
