{#-
One row per driver or constructor and season with what they achieved in its Grands Prix (entrant_races). Points include those of sprints;
`points` are those that count for the championship. The champion is first after the last round of a season whose rounds are all in the
lake.

A constructor starts a race with its first car; its podiums and retirements are those of all its cars.
-#}
with races as (
    select * from {{ ref('entrant_races') }}
),

last_rounds as (
    select season, max(round_number) as last_round
    from {{ ref('dim_races') }}
    group by season
),

final_rounds as (
    select championship, season, max(round_number) as final_round
    from {{ ref('championship_progression') }}
    group by championship, season
),

standings as (
    select
        case progression.championship when 'drivers' then 'driver' else 'constructor' end as entrant_type,
        progression.entrant_id,
        progression.season,
        progression.points,
        progression.gross_points,
        progression.championship_rank,
        coalesce(
            progression.championship_rank = 1
            and progression.is_complete
            and not progression.is_tied
            and progression.round_number = last_rounds.last_round,
            false
        ) as is_champion
    from {{ ref('championship_progression') }} as progression
    inner join final_rounds
        on
            progression.championship = final_rounds.championship
            and progression.season = final_rounds.season
            and progression.round_number = final_rounds.final_round
    left join last_rounds
        on progression.season = last_rounds.season
),

summed as (
    select
        entrant_type,
        entrant_id,
        season,
        {%- for column in ['entrant_name', 'constructor_id', 'team_id'] %}
        max_by({{ column }}, {{ session_order('round_number') }}) as {{ column }},
        {%- endfor %}
        count(distinct constructor_id) as constructors,
        count(case when session_category = 'Race' then 1 end) as entries,
        {%- set grand_prix = "session_category = 'Race'" %}
        count(case when {{ grand_prix }} and is_start then 1 end) as starts,
        count(case when {{ grand_prix }} and is_win then 1 end) as wins,
        count(case when is_pole then 1 end) as poles,
        sum(case when {{ grand_prix }} then podiums else 0 end) as podiums,
        case
            when count(case when {{ grand_prix }} then is_fastest_lap end) > 0
                then count(case when {{ grand_prix }} and is_fastest_lap then 1 end)
        end as fastest_laps,
        count(case when {{ grand_prix }} and points > 0 then 1 end) as points_finishes,
        sum(case when {{ grand_prix }} then car_starts else 0 end) as car_starts,
        sum(case when {{ grand_prix }} then car_retirements else 0 end) as car_retirements,
        count(case when session_category = 'Sprint' and is_win then 1 end) as sprint_wins,
        min(case when {{ grand_prix }} then position end) as best_position,
        min(case when {{ grand_prix }} then grid_position end) as best_grid_position,
        sum(points_today) as points_today,
        min(case when {{ grand_prix }} and is_start then race_date end) as first_race_date,
        max(case when {{ grand_prix }} and is_start then race_date end) as last_race_date,
        min(case when {{ grand_prix }} and is_win then race_date end) as first_win_date,
        max(case when {{ grand_prix }} and is_win then race_date end) as last_win_date,
        min(case when {{ grand_prix }} and is_start then round_number end) as first_round,
        max(case when {{ grand_prix }} and is_start then round_number end) as last_round
    from races
    group by entrant_type, entrant_id, season
)

select
    {{ surrogate_key(['summed.entrant_type', 'summed.entrant_id', 'summed.season']) | indent(4) }} as season_summary_key,
    summed.entrant_type,
    summed.entrant_id,
    summed.season,
    case when summed.entrant_type = 'driver' then summed.entrant_id end as driver_id,
    summed.entrant_name,
    summed.constructor_id,
    summed.team_id,
    {%- for column in [
        'constructors', 'entries', 'starts', 'wins', 'poles', 'podiums', 'fastest_laps', 'points_finishes', 'sprint_wins',
        'car_starts', 'car_retirements'
    ] %}
    cast(summed.{{ column }} as integer) as {{ column }},
    {%- endfor %}
    summed.best_position,
    summed.best_grid_position,
    round(cast(summed.car_retirements as {{ type_double() }}) / nullif(summed.car_starts, 0), 4) as dnf_share,
    standings.points,
    standings.gross_points,
    cast(summed.points_today as {{ type_double() }}) as points_today,
    standings.championship_rank,
    coalesce(standings.is_champion, false) as is_champion,
    summed.first_round,
    summed.last_round,
    summed.first_race_date,
    summed.last_race_date,
    summed.first_win_date,
    summed.last_win_date
from summed
left join standings
    on
        summed.entrant_type = standings.entrant_type
        and summed.entrant_id = standings.entrant_id
        and summed.season = standings.season
