-- A name refers to one team in a season; otherwise silver_drivers would have duplicates.
{{ config(meta={'dagster': {'ref': {'name': 'team_lineage'}}}) }}
select first_entry.team_name, first_entry.first_season, second_entry.first_season as other_first_season
from {{ ref('team_lineage') }} as first_entry
inner join {{ ref('team_lineage') }} as second_entry
    on
        lower(first_entry.team_name) = lower(second_entry.team_name)
        and first_entry.first_season < second_entry.first_season
        and first_entry.last_season >= second_entry.first_season
