{#-
One row per constructor as it was called (`alfa`, `sauber`, `alphatauri`), with the team that it belongs to. Identifiers are used again
by other teams of other eras, so the team depends on the season: seed constructor_lineage. `team_id` is that of the newest season.
-#}
with listed as (
    select constructor_id, team_id, season, max(team_name) as team_name
    from ({{ listed_teams() | indent(4) }}) as teams
    group by constructor_id, team_id, season
),

appearances as (
    select constructor_id, min(season) as first_season, max(season) as last_season
    from (
        select constructor_id, season from {{ ref('silver_jolpica_race_results') }}
        union all
        select constructor_id, season from {{ ref('silver_jolpica_sprint_results') }}
        union all
        select constructor_id, season from {{ ref('silver_jolpica_qualifying') }}
        union all
        select constructor_id, season from listed
    ) as appeared
    where constructor_id is not null
    group by constructor_id
),

names as (
    select constructor_id, constructor_name, nationality, 0 as choice, 0 as season
    from {{ ref('silver_jolpica_constructors') }}

    union all

    select constructor_id, team_name as constructor_name, null as nationality, 1 as choice, season
    from listed

    union all

    select constructor_id, null, null, 2, 0 from appearances

    union all

    select 'unknown-team', 'Unknown Team', null, 3, 0
),

constructors as (
    select
        constructor_id,
        constructor_name,
        nationality,
        row_number() over (partition by constructor_id order by choice, season desc, constructor_name) as newness
    from names
),

-- the newest season of a team whose constructor the seed does not have
teams as (
    select
        constructor_id,
        team_id,
        row_number() over (partition by constructor_id order by season desc, team_id) as newness
    from listed
)

select
    {{ surrogate_key(['constructors.constructor_id']) | indent(4) }} as constructor_key,
    constructors.constructor_id,
    coalesce(constructors.constructor_name, constructors.constructor_id) as constructor_name,
    constructors.nationality,
    coalesce(lineage.team_id, teams.team_id, replace(constructors.constructor_id, '_', '-')) as team_id,
    appearances.first_season,
    appearances.last_season
from constructors
left join appearances
    on constructors.constructor_id = appearances.constructor_id
left join {{ ref('constructor_lineage') }} as lineage
    on
        constructors.constructor_id = lineage.constructor_id
        and appearances.last_season between lineage.first_season and lineage.last_season
left join teams
    on constructors.constructor_id = teams.constructor_id and teams.newness = 1
where constructors.newness = 1
