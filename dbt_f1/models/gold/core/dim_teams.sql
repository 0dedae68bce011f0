{#-
One row per team under all its names (AlphaTauri, RB and Racing Bulls are one team), with the attributes of its newest session.
`unknown-team` always exists: facts of drivers whose team the source does not name refer to it.
-#}
with listed as (
    {{ listed_teams() | indent(4) }}
),

entries as (
    select
        drivers.team_id,
        drivers.constructor_id,
        drivers.team_name,
        drivers.team_category,
        drivers.team_colour,
        drivers.season,
        row_number() over (
            partition by drivers.team_id
            order by drivers.choice, drivers.date_start desc nulls last, drivers.session_key desc, drivers.driver_number
        ) as newness,
        min(drivers.season) over (partition by drivers.team_id) as first_season,
        max(drivers.season) over (partition by drivers.team_id) as last_season
    from listed as drivers
),

teams as (
    select team_id, constructor_id, team_name, team_category, team_colour, first_season, last_season
    from entries
    where newness = 1

    union all

    select
        'unknown-team' as team_id, 'unknown-team' as constructor_id, 'Unknown Team' as team_name,
        'Unknown' as team_category, null as team_colour, null as first_season, null as last_season
)

select
    {{ surrogate_key(['team_id']) | indent(4) }} as team_key,
    team_id,
    constructor_id,
    team_name,
    team_category,
    team_colour,
    first_season,
    last_season
from teams
