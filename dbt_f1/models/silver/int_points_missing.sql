{{ config(materialized='view') }}
{#-
Results of races and sprints whose points may be missing from the championship: one row per session, driver and reason. From
such a session on, championship_progression is not complete, and tests warn.

- No driver: the source serves points for a number that is in no list of drivers of the season. No team: the same for the team.
- No points: the driver is classified in the points and has none. Points go to the first ten of a race and the first eight
  of a sprint when the winner has the full 25 or 8, or none at all (then the source has served no points yet). If the winner
  has fewer, the race was shortened and fewer positions may score: then points are missing if a driver behind has some.
-#}
with classified as (
    select
        results.session_key,
        results.driver_number,
        results.position,
        coalesce(results.points, 0) as points,
        case sessions.session_category when 'Race' then 10 else 8 end as scoring_positions,
        case sessions.session_category when 'Race' then 25 else 8 end as full_points,
        max(case when results.position = 1 then coalesce(results.points, 0) end) over session_results as winner_points,
        max(case when results.points > 0 then results.position end) over session_results as last_scoring_position
    from {{ ref('silver_session_results') }} as results
    inner join {{ ref('silver_sessions') }} as sessions
        on results.session_key = sessions.session_key
    where sessions.session_category in ('Race', 'Sprint')
    window session_results as (partition by results.session_key)
)

select session_key, driver_number, position, points, 'No points' as reason
from classified
where
    points <= 0
    and position <= scoring_positions
    and (
        coalesce(winner_points, 0) <= 0
        or winner_points >= full_points
        or position < last_scoring_position
    )

union all

select
    classified.session_key,
    classified.driver_number,
    classified.position,
    classified.points,
    case when drivers.driver_id is null then 'No driver' else 'No team' end as reason
from classified
left join {{ ref('int_session_drivers') }} as drivers
    on classified.session_key = drivers.session_key and classified.driver_number = drivers.driver_number
where classified.points > 0 and coalesce(drivers.team_id, 'unknown-team') = 'unknown-team'
