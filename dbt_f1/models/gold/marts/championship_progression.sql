{#-
The championships as they stood after each round, out of the official classifications: one row a season, round and driver
or team. Sprint points count for the round they belong to. Everyone who has taken part so far has a row, also in rounds
that he missed.

Equal points are decided by countback: more wins, then more second places, and so on, in Grands Prix only (a sprint win is
no win). Who is equal in all of it shares the rank.

A round without a race in the lake adds nothing but its sprint, one without its sprint only the race, and every sum from it on
is short: `is_complete` says where that is so.
-#}
{%- set places = range(1, 25) -%}
with rounds as (
    select
        sessions.season,
        sessions.round_number,
        results.meeting_key,
        results.session_key,
        results.session_category,
        results.driver_id,
        results.team_id,
        results.team_name,
        results.position,
        results.points
    from {{ ref('fact_results') }} as results
    inner join {{ ref('dim_sessions') }} as sessions
        on results.session_key = sessions.session_key
    where results.session_category in ('Race', 'Sprint') and sessions.round_number is not null
),

rounds_held as (
    select
        season,
        round_number,
        max(meeting_key) as meeting_key,
        max(case when session_category = 'Race' then session_key end) as race_key,
        max(session_key) as any_key
    from rounds
    group by season, round_number
),

sprints_missing as (
    select season, round_number, count(*) as sprints
    from {{ ref('dim_sessions') }}
    where is_sprint and not is_cancelled and session_key not in (select session_key from rounds)
    group by season, round_number
),

-- a round counts when its race is there: with the sprint alone it is not over
numbered_rounds as (
    select
        held.season,
        held.round_number,
        held.meeting_key,
        coalesce(held.race_key, held.any_key) as session_key,
        count(held.race_key) over so_far as rounds_counted,
        sum(coalesce(missing.sprints, 0)) over so_far as sprints_missing
    from rounds_held as held
    left join sprints_missing as missing
        on held.season = missing.season and held.round_number = missing.round_number
    window so_far as (
        partition by held.season order by held.round_number rows between unbounded preceding and current row
    )
),

entries as (
    select 'drivers' as championship, season, round_number, session_category, driver_id as entrant_id, team_id, team_name,
        position, points
    from rounds
    where driver_id is not null

    union all

    select 'teams' as championship, season, round_number, session_category, team_id as entrant_id, team_id, team_name,
        position, points
    from rounds
    where team_id <> 'unknown-team'
),

scored as (
    select
        championship,
        season,
        round_number,
        entrant_id,
        -- of the round's sessions the race tells the team
        max_by(team_id, case session_category when 'Race' then 1 else 0 end) as team_id,
        max_by(team_name, case session_category when 'Race' then 1 else 0 end) as team_name,
        sum(coalesce(points, 0)) as points,
        {%- for place in places %}
        count(case when session_category = 'Race' and position = {{ place }} then 1 end) as place_{{ place }}{{ ',' if not loop.last }}
        {%- endfor %}
    from entries
    group by championship, season, round_number, entrant_id
),

entrants as (
    select championship, season, entrant_id, min(round_number) as first_round
    from scored
    group by championship, season, entrant_id
),

grid as (
    select
        entrants.championship,
        entrants.season,
        rounds.round_number,
        rounds.rounds_counted,
        rounds.sprints_missing,
        rounds.meeting_key,
        rounds.session_key,
        entrants.entrant_id
    from entrants
    inner join numbered_rounds as rounds
        on entrants.season = rounds.season and entrants.first_round <= rounds.round_number
),

summed as (
    select
        grid.championship,
        grid.season,
        grid.round_number,
        grid.rounds_counted,
        grid.sprints_missing,
        grid.meeting_key,
        grid.session_key,
        grid.entrant_id,
        {{ last_known('scored.team_id') }} over so_far as team_id,
        {{ last_known('scored.team_name') }} over so_far as team_name,
        coalesce(scored.points, 0) as round_points,
        sum(coalesce(scored.points, 0)) over so_far as points,
        sum(coalesce(scored.place_1, 0)) over so_far as wins,
        {%- for place in places %}
        lpad(cast(sum(coalesce(scored.place_{{ place }}, 0)) over so_far as {{ dbt.type_string() }}), 2, '0')
        {{- ' ||' if not loop.last }}
        {%- endfor %} as countback
    from grid
    left join scored
        on
            grid.championship = scored.championship
            and grid.season = scored.season
            and grid.round_number = scored.round_number
            and grid.entrant_id = scored.entrant_id
    window so_far as (
        partition by grid.championship, grid.season, grid.entrant_id
        order by grid.round_number rows between unbounded preceding and current row
    )
),

ranked as (
    select
        *,
        rank() over (
            partition by championship, season, round_number order by points desc, countback desc
        ) as championship_rank,
        max(points) over (partition by championship, season, round_number) as leader_points
    from summed
)

select
    {{ surrogate_key(['championship', 'season', 'round_number', 'entrant_id']) | indent(4) }} as progression_key,
    championship,
    season,
    round_number,
    entrant_id,
    case when championship = 'drivers' then entrant_id end as driver_id,
    team_id,
    team_name,
    meeting_key,
    session_key,
    cast(round_points as {{ type_double() }}) as round_points,
    cast(points as {{ type_double() }}) as points,
    cast(championship_rank as integer) as championship_rank,
    cast(leader_points - points as {{ type_double() }}) as points_behind_leader,
    cast(wins as integer) as wins,
    cast(
        lag(championship_rank) over (partition by championship, season, entrant_id order by round_number)
        - championship_rank as integer
    ) as ranks_gained,
    cast(rounds_counted as integer) as rounds_counted,
    rounds_counted = round_number and sprints_missing = 0 as is_complete
from ranked
