{# A race with a grid has one pole position. Where the source gives grid position 1 to nobody, or to several cars, seed
pole_exceptions has to name the driver. #}
{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fact_qualifying'}}}) }}
select races.season, races.round_number, count(case when poles.is_pole then 1 end) as poles
from (
    select season, round_number
    from {{ ref('fact_race_results') }}
    where session_category = 'Race'
    group by season, round_number
    having count(grid_position) > 0
) as races
left join {{ ref('fact_qualifying') }} as poles
    on races.season = poles.season and races.round_number = poles.round_number and poles.is_pole
group by races.season, races.round_number
having count(case when poles.is_pole then 1 end) <> 1
