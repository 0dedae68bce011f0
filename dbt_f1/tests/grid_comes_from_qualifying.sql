-- A race has a grid if the qualifying of its meeting has one; a join by session_key would leave it empty. Positions that
-- fact_results excludes do not count: drivers who start from the pit lane, or have no lap time where others have one.
{{ config(meta={'dagster': {'ref': {'name': 'fact_results'}}}) }}
with races as (
    select session_key, meeting_key, session_category, driver_number, grid_position, started_from_pit_lane
    from {{ ref('fact_results') }}
    where session_category in ('Race', 'Sprint')
),

grids as (
    select
        sessions.meeting_key,
        case sessions.session_category when 'Qualifying' then 'Race' else 'Sprint' end as session_category,
        grid.driver_number,
        grid.lap_duration,
        max(grid.lap_duration) over (partition by grid.session_key) as longest_lap
    from {{ ref('silver_starting_grid') }} as grid
    inner join {{ ref('silver_sessions') }} as sessions
        on grid.session_key = sessions.session_key
    where grid.position is not null and sessions.session_category in ('Qualifying', 'Sprint Qualifying')
)

select races.session_key, count(*) as on_the_grid, count(races.grid_position) as in_the_fact
from races
inner join grids
    on
        races.meeting_key = grids.meeting_key
        and races.session_category = grids.session_category
        and races.driver_number = grids.driver_number
where
    races.started_from_pit_lane is null
    and (grids.lap_duration is not null or grids.longest_lap is null)
group by races.session_key
having count(races.grid_position) = 0
