{# A constructor is one team in a season, and the teams of OpenF1 by name are the same teams. #}
{{ config(meta={'dagster': {'ref': {'name': 'constructor_lineage'}}}) }}
select one.constructor_id, one.first_season, one.team_id, other.team_id as other_team_id
from {{ ref('constructor_lineage') }} as one
inner join {{ ref('constructor_lineage') }} as other
    on
        one.constructor_id = other.constructor_id
        and one.first_season <= other.last_season
        and other.first_season <= one.last_season
        and (one.team_id <> other.team_id or one.first_season <> other.first_season)

union all

select names.constructor_id, names.first_season, names.team_id, lineage.team_id as other_team_id
from {{ ref('team_lineage') }} as names
left join {{ ref('constructor_lineage') }} as lineage
    on
        names.constructor_id = lineage.constructor_id
        and names.first_season <= lineage.last_season
        and lineage.first_season <= names.last_season
where names.team_id <> coalesce(lineage.team_id, replace(names.constructor_id, '_', '-'))
