{#-
The championships after each round, computed from the official classifications: one row per season, round and driver or team.
Sprint points count for their round. Every entrant of an earlier round has a row, also in rounds that they missed.

Equal points are ranked by count-back: more wins, then more second positions, and so on, in Grands Prix only (a sprint win is not
a win; a disqualified driver has no position). Entrants that are equal in all positions share the rank.

A round whose race is missing in the lake has only the points of its sprint, one whose sprint is missing only those of its race,
and all later sums are too low. The same applies after a session with missing points (int_points_missing): the source serves none
for a driver in a scoring position, or serves them for a number that is in no list of the season, or for a session that belongs
to no round. `is_complete` is false from there on.
-#}
{%- set positions = range(1, 25) -%}
with rounds as (
    select
        sessions.season,
        sessions.round_number,
        sessions.date_start,
        results.meeting_key,
        results.session_key,
        results.session_category,
        results.driver_id,
        results.name_acronym,
        results.full_name,
        results.team_id,
        results.constructor_id,
        results.team_name,
        case when results.status <> 'DSQ' then results.position end as position,
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
        max(date_start) as date_start,
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

-- sessions whose points are in no row or were not served; a session without a date counts for all rounds
points_missing as (
    select sessions.season, sessions.date_start, missing.reason
    from {{ ref('int_points_missing') }} as missing
    inner join {{ ref('silver_sessions') }} as sessions
        on missing.session_key = sessions.session_key

    union all

    select results.season, sessions.date_start, 'No round' as reason
    from {{ ref('fact_results') }} as results
    left join {{ ref('dim_sessions') }} as sessions
        on results.session_key = sessions.session_key
    where results.points > 0 and sessions.round_number is null
),

rounds_short as (
    select
        held.season,
        held.round_number,
        max(case when missing.reason <> 'No team' then 1 else 0 end) as drivers_short,
        1 as teams_short
    from rounds_held as held
    inner join points_missing as missing
        on held.season = missing.season and (missing.date_start is null or missing.date_start <= held.date_start)
    group by held.season, held.round_number
),

-- a round counts when its race is in the data, not with the sprint alone
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
    select
        'drivers' as championship, season, round_number, session_category, driver_id as entrant_id, name_acronym, full_name,
        team_id, constructor_id, team_name, position, points
    from rounds
    where driver_id is not null

    union all

    select
        'teams' as championship, season, round_number, session_category, team_id as entrant_id,
        null as name_acronym, null as full_name, team_id, constructor_id, team_name, position, points
    from rounds
    where team_id <> 'unknown-team'
),

scored as (
    select
        championship,
        season,
        round_number,
        entrant_id,
        -- the race of the round sets the team
        {%- for column in ['name_acronym', 'full_name', 'team_id', 'constructor_id', 'team_name'] %}
        max_by({{ column }}, case session_category when 'Race' then 1 else 0 end) as {{ column }},
        {%- endfor %}
        {%- for number in positions %}
        count(case when session_category = 'Race' and position = {{ number }} then 1 end) as finishes_{{ number }},
        {%- endfor %}
        sum(coalesce(points, 0)) as points
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
        {%- for column in ['name_acronym', 'full_name', 'team_id', 'constructor_id', 'team_name'] %}
        {{ last_non_null('scored.' ~ column) }} over so_far as {{ column }},
        {%- endfor %}
        coalesce(scored.points, 0) as round_points,
        sum(coalesce(scored.points, 0)) over so_far as points,
        sum(coalesce(scored.finishes_1, 0)) over so_far as wins,
        {%- for number in positions %}
        lpad(cast(sum(coalesce(scored.finishes_{{ number }}, 0)) over so_far as {{ dbt.type_string() }}), 2, '0')
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
    {{ surrogate_key(['ranked.championship', 'ranked.season', 'ranked.round_number', 'ranked.entrant_id']) | indent(4) }}
        as progression_key,
    ranked.championship,
    ranked.season,
    ranked.round_number,
    ranked.entrant_id,
    case when championship = 'drivers' then entrant_id end as driver_id,
    name_acronym,
    full_name,
    team_id,
    constructor_id,
    team_name,
    ranked.meeting_key,
    meetings.meeting_name,
    session_key,
    cast(round_points as {{ type_double() }}) as round_points,
    cast(points as {{ type_double() }}) as points,
    cast(championship_rank as integer) as championship_rank,
    cast(leader_points - points as {{ type_double() }}) as points_behind_leader,
    cast(wins as integer) as wins,
    cast(
        lag(championship_rank) over (partition by championship, ranked.season, entrant_id order by ranked.round_number)
        - championship_rank as integer
    ) as ranks_gained,
    cast(rounds_counted as integer) as rounds_counted,
    rounds_counted = ranked.round_number
    and sprints_missing = 0
    and coalesce(case championship when 'drivers' then rounds_short.drivers_short else rounds_short.teams_short end, 0) = 0
        as is_complete
from ranked
left join rounds_short
    on ranked.season = rounds_short.season and ranked.round_number = rounds_short.round_number
left join {{ ref('dim_meetings') }} as meetings
    on ranked.meeting_key = meetings.meeting_key
