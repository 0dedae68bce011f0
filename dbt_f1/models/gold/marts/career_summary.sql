{#-
One row per driver or constructor with the sums of their seasons (season_summary). A constructor is what was called so in its seasons;
teams that changed names have the same team_id. `fastest_laps` are null for careers that began before 2004.
-#}
with seasons as (
    select * from {{ ref('season_summary') }}
),

summed as (
    select
        entrant_type,
        entrant_id,
        {%- for column in ['entrant_name', 'constructor_id', 'team_id'] %}
        max_by({{ column }}, season) as {{ column }},
        {%- endfor %}
        count(*) as seasons,
        min(season) as first_season,
        max(season) as last_season,
        {%- for column in [
            'entries', 'starts', 'wins', 'poles', 'podiums', 'points_finishes', 'sprint_wins', 'car_starts', 'car_retirements',
            'points', 'gross_points', 'points_today'
        ] %}
        sum({{ column }}) as {{ column }},
        {%- endfor %}
        -- not the sum of some seasons: lap times are ranked since 2004
        case when count(fastest_laps) = count(*) then sum(fastest_laps) end as fastest_laps,
        count(case when is_champion then 1 end) as titles,
        {%- for column in ['best_position', 'best_grid_position', 'first_race_date', 'first_win_date'] %}
        min({{ column }}) as {{ column }},
        {%- endfor %}
        min(championship_rank) as best_championship_rank,
        max(last_race_date) as last_race_date,
        max(last_win_date) as last_win_date
    from seasons
    group by entrant_type, entrant_id
)

select
    {{ surrogate_key(['entrant_type', 'entrant_id']) | indent(4) }} as career_summary_key,
    entrant_type,
    entrant_id,
    case when entrant_type = 'driver' then entrant_id end as driver_id,
    entrant_name,
    constructor_id,
    team_id,
    {%- for column in [
        'seasons', 'first_season', 'last_season', 'entries', 'starts', 'wins', 'poles', 'podiums', 'fastest_laps',
        'points_finishes', 'sprint_wins', 'titles', 'car_starts', 'car_retirements'
    ] %}
    cast({{ column }} as integer) as {{ column }},
    {%- endfor %}
    best_position,
    best_grid_position,
    best_championship_rank,
    {%- for column in ['wins', 'poles', 'podiums'] %}
    round(100.0 * cast({{ column }} as {{ type_double() }}) / nullif(starts, 0), 2) as {{ column }}_pct,
    {%- endfor %}
    round(cast(car_retirements as {{ type_double() }}) / nullif(car_starts, 0), 4) as dnf_share,
    cast(points as {{ type_double() }}) as points,
    cast(gross_points as {{ type_double() }}) as gross_points,
    cast(points_today as {{ type_double() }}) as points_today,
    first_race_date,
    last_race_date,
    first_win_date,
    last_win_date
from summed
