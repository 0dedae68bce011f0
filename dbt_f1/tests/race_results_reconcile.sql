{# Each result of Jolpica, and each of OpenF1 for a race or sprint of a round, is in fact_race_results once. #}
{{ config(meta={'dagster': {'ref': {'name': 'fact_race_results'}}}) }}
with jolpica as (
    select season, count(*) as results
    from ({{ jolpica_results() | indent(4) }}) as results
    group by season
),

openf1 as (
    select results.season, count(*) as results
    from {{ ref('fact_results') }} as results
    inner join {{ ref('dim_races') }} as races
        on results.session_key in (races.race_session_key, races.sprint_session_key)
    group by results.season
),

history as (
    select
        season,
        count(case when in_jolpica then 1 end) as jolpica_results,
        count(
            distinct cast(session_key as {{ dbt.type_string() }})
            || '-' || cast(driver_number as {{ dbt.type_string() }})
        ) as openf1_results
    from {{ ref('fact_race_results') }}
    group by season
)

select history.*, jolpica.results, openf1.results as results_of_openf1
from history
full outer join jolpica on history.season = jolpica.season
full outer join openf1 on coalesce(history.season, jolpica.season) = openf1.season
where
    coalesce(jolpica.results, 0) <> coalesce(history.jolpica_results, 0)
    or coalesce(openf1.results, 0) <> coalesce(history.openf1_results, 0)
