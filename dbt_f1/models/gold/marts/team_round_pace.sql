{#-
Pace of a team's faster car in each round against the fastest team of the round: one row per season, round and team.

In qualifying the best lap of the last phase that a driver reached counts, not the best of all phases: the track is faster in a
later phase. In the race the median of the clean laps counts (race_pace). Sessions without a round are left out, and so are sprints
and sprint qualifying.
-#}
with measured as (
    select
        sessions.season,
        sessions.round_number,
        results.team_id,
        results.constructor_id,
        results.team_name,
        coalesce(results.q3_s, results.q2_s, results.q1_s) as qualifying_lap_s,
        cast(null as {{ type_double() }}) as race_median_pace_s,
        cast(null as {{ type_double() }}) as race_gap_pct
    from {{ ref('fact_results') }} as results
    inner join {{ ref('dim_sessions') }} as sessions
        on results.session_key = sessions.session_key
    where sessions.session_category = 'Qualifying' and sessions.round_number is not null

    union all

    select
        sessions.season,
        sessions.round_number,
        pace.team_id,
        pace.constructor_id,
        pace.team_name,
        cast(null as {{ type_double() }}) as qualifying_lap_s,
        pace.median_pace_s as race_median_pace_s,
        pace.gap_to_best_percentage as race_gap_pct
    from {{ ref('race_pace') }} as pace
    inner join {{ ref('dim_sessions') }} as sessions
        on pace.session_key = sessions.session_key
    where sessions.session_category = 'Race' and sessions.round_number is not null
),

teams as (
    select
        season,
        round_number,
        team_id,
        max(constructor_id) as constructor_id,
        max(team_name) as team_name,
        min(qualifying_lap_s) as qualifying_lap_s,
        min(race_median_pace_s) as race_median_pace_s,
        min(race_gap_pct) as race_gap_pct
    from measured
    group by season, round_number, team_id
),

compared as (
    select
        *,
        min(qualifying_lap_s) over (partition by season, round_number) as best_qualifying_lap_s
    from teams
)

select
    {{ surrogate_key(['season', 'round_number', 'team_id']) | indent(4) }} as team_round_pace_key,
    season,
    round_number,
    team_id,
    constructor_id,
    team_name,
    qualifying_lap_s,
    round(100.0 * (qualifying_lap_s - best_qualifying_lap_s) / nullif(best_qualifying_lap_s, 0), 6)
        as qualifying_gap_pct,
    race_median_pace_s,
    race_gap_pct
from compared
