{#-
One row per team and season, with name, constructor and colour of the newest session of that season; dim_teams has those of the
newest session of all seasons. Pages and charts of a season take the colour from here.
-#}
with listed as (
    {{ listed_teams() | indent(4) }}
),

entries as (
    select
        *,
        row_number() over (
            partition by team_id, season order by choice, date_start desc nulls last, session_key desc, driver_number
        ) as newness
    from listed
),

numbers as (
    select team_id, season, count(distinct driver_id) as drivers_count from entries group by team_id, season
)

select
    {{ surrogate_key(['entries.season', 'entries.team_id']) | indent(4) }} as team_season_key,
    entries.season,
    entries.team_id,
    entries.constructor_id,
    entries.team_name,
    entries.team_category,
    entries.team_colour,
    cast(numbers.drivers_count as integer) as drivers_count
from entries
inner join numbers
    on entries.team_id = numbers.team_id and entries.season = numbers.season
where entries.newness = 1
