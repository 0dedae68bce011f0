{#-
One row per driver of the official classification, with the grid position and the fastest lap.

The source stores the grid with the key of the session that set it, so the grid is joined by the meeting and the category:
Qualifying sets the grid of the Race, Sprint Qualifying that of the Sprint.

A driver who starts from the pit lane has no grid position, although the source numbers such drivers after the last position of
the grid. Race control announces some of them. Where most drivers of a grid have a lap time, the position of a driver without one
who has a time in the last phase of the session did not come from qualifying and is excluded too (not served in 2023 to 2025).
-#}
with results as (
    select
        results.*,
        sessions.session_category
    from {{ ref('silver_session_results') }} as results
    left join {{ ref('silver_sessions') }} as sessions
        on results.session_key = sessions.session_key
),

timed as (
    select
        session_key,
        driver_number,
        case
            when max(case when q3_s is not null then 1 else 0 end) over (partition by session_key) = 1 then q3_s
            when max(case when q2_s is not null then 1 else 0 end) over (partition by session_key) = 1 then q2_s
            else q1_s
        end is not null as has_time_of_last_phase
    from results
),

grid_rows as (
    select
        *,
        count(lap_duration) over (partition by session_key) as timed_rows,
        count(*) over (partition by session_key) as all_rows
    from {{ ref('silver_starting_grid') }}
),

grids as (
    select
        sessions.meeting_key,
        case sessions.session_category
            when 'Qualifying' then 'Race'
            when 'Sprint Qualifying' then 'Sprint'
        end as session_category,
        grid.driver_number,
        case
            when grid.lap_duration is null and timed.has_time_of_last_phase and 2 * grid.timed_rows > grid.all_rows then null
            else grid.position
        end as grid_position,
        row_number() over (
            partition by sessions.meeting_key, sessions.session_category, grid.driver_number
            order by sessions.date_start desc nulls last, grid.session_key desc
        ) as newness
    from grid_rows as grid
    inner join {{ ref('silver_sessions') }} as sessions
        on grid.session_key = sessions.session_key
    left join timed
        on grid.session_key = timed.session_key and grid.driver_number = timed.driver_number
),

from_pit_lane as (
    select results.session_key, results.driver_number
    from results
    inner join {{ ref('silver_race_control') }} as messages
        on
            results.session_key = messages.session_key
            and (
                messages.driver_number = results.driver_number
                or messages.message like '% ' || cast(results.driver_number as {{ dbt.type_string() }}) || ' (%'
            )
    where
        results.session_category in ('Race', 'Sprint')
        and regexp_extract(upper(messages.message), '(START(S|ED|ING)? FROM (THE )?PIT ?LANE)', 1) <> ''
    group by results.session_key, results.driver_number
),

-- where a meeting has two qualifying sessions of a category, the later one set the grid
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
    {{ driver_columns() }},
    results.position,
    results.status,
    results.points,
    case when from_pit_lane.driver_number is null then grid.grid_position end as grid_position,
    case when from_pit_lane.driver_number is not null then true end as started_from_pit_lane,
    case when from_pit_lane.driver_number is null then grid.grid_position - results.position end as positions_gained,
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
left join {{ ref('int_session_drivers') }} as drivers
    on results.session_key = drivers.session_key and results.driver_number = drivers.driver_number
left join {{ ref('silver_meetings') }} as meetings
    on results.meeting_key = meetings.meeting_key
left join from_pit_lane
    on results.session_key = from_pit_lane.session_key and results.driver_number = from_pit_lane.driver_number
left join grid
    on
        results.meeting_key = grid.meeting_key
        and results.session_category = grid.session_category
        and results.driver_number = grid.driver_number
left join fastest
    on results.session_key = fastest.session_key and results.driver_number = fastest.driver_number
