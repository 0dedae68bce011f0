-- Where the qualifying of a race's meeting has a grid, the race has one: a join over session_key leaves it empty.
{{ config(meta={'dagster': {'ref': {'name': 'fact_results'}}}) }}
with races as (
    select session_key, meeting_key, session_category, count(grid_position) as placed
    from {{ ref('fact_results') }}
    where session_category in ('Race', 'Sprint')
    group by session_key, meeting_key, session_category
),

grids as (
    select
        sessions.meeting_key,
        case sessions.session_category when 'Qualifying' then 'Race' else 'Sprint' end as session_category,
        count(grid.position) as placed
    from {{ ref('silver_starting_grid') }} as grid
    inner join {{ ref('silver_sessions') }} as sessions
        on grid.session_key = sessions.session_key
    group by sessions.meeting_key, sessions.session_category
)

select races.session_key, grids.placed as on_the_grid, races.placed as in_the_fact
from races
inner join grids
    on races.meeting_key = grids.meeting_key and races.session_category = grids.session_category
where grids.placed > 0 and races.placed = 0
