{#-
One row per driver and constructor with what the driver achieved in the Grands Prix in its cars (entrant_races). A driver who drove for
two constructors in one race has the race with the constructor of the better position.
-#}
with races as (
    select *
    from {{ ref('entrant_races') }}
    where entrant_type = 'driver' and constructor_id is not null
),

summed as (
    select
        driver_id,
        constructor_id,
        {%- for column in ['entrant_name', 'team_id'] %}
        max_by({{ column }}, {{ session_order('season * 100 + round_number') }}) as {{ column }},
        {%- endfor %}
        min(season) as first_season,
        max(season) as last_season,
        count(distinct season) as seasons,
        {%- set grand_prix = "session_category = 'Race'" %}
        count(case when {{ grand_prix }} and is_start then 1 end) as starts,
        count(case when {{ grand_prix }} and is_win then 1 end) as wins,
        count(case when {{ grand_prix }} and is_pole then 1 end) as poles,
        sum(case when {{ grand_prix }} then podiums else 0 end) as podiums,
        sum(points) as points
    from races
    group by driver_id, constructor_id
)

select
    {{ surrogate_key(['summed.driver_id', 'summed.constructor_id']) | indent(4) }} as driver_constructor_key,
    summed.driver_id,
    summed.entrant_name as full_name,
    summed.constructor_id,
    coalesce(constructors.constructor_name, summed.constructor_id) as constructor_name,
    summed.team_id,
    summed.first_season,
    summed.last_season,
    {%- for column in ['seasons', 'starts', 'wins', 'poles', 'podiums'] %}
    cast(summed.{{ column }} as integer) as {{ column }},
    {%- endfor %}
    cast(summed.points as {{ type_double() }}) as points
from summed
left join {{ ref('dim_constructors') }} as constructors
    on summed.constructor_id = constructors.constructor_id
