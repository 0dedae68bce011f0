-- Marts of races have the pit visits, tyre sets, drivers and laps of the facts. Each side is counted separately.
{{ config(meta={'dagster': {'ref': {'name': 'tyre_strategy'}}}) }}
with races as (
    select session_key from {{ ref('dim_sessions') }} where session_category in ('Race', 'Sprint')
),

known_stops as (
    select session_key, driver_number, stops, pass_throughs, stints
    from {{ ref('tyre_strategy') }}
    where stops is not null
),

counted as (
    select 'visits' as what, visits.session_key, visits.driver_number, count(*) as in_facts, 0 as in_mart
    from {{ ref('fact_pit_stops') }} as visits
    inner join known_stops
        on visits.session_key = known_stops.session_key and visits.driver_number = known_stops.driver_number
    group by visits.session_key, visits.driver_number

    union all

    select 'visits', session_key, driver_number, 0, stops + pass_throughs from known_stops

    union all

    select 'sets', session_key, driver_number, count(distinct tyre_set_number), 0
    from {{ ref('fact_stints') }}
    where is_driven and session_key in (select session_key from races)
    group by session_key, driver_number

    union all

    select 'sets', session_key, driver_number, 0, coalesce(stints, 0) from {{ ref('tyre_strategy') }}

    union all

    select 'drivers', session_key, driver_number, 1, 0
    from (
        select session_key, driver_number from {{ ref('fact_stints') }} where is_driven
        union
        select session_key, driver_number from {{ ref('fact_pit_stops') }}
        union
        select session_key, driver_number from {{ ref('fact_laps') }}
    ) as drivers
    where session_key in (select session_key from races)

    union all

    select 'drivers', session_key, driver_number, 0, 1 from {{ ref('tyre_strategy') }}

    union all

    select 'laps', session_key, driver_number, count(*), 0
    from {{ ref('fact_laps') }}
    where session_key in (select session_key from races)
    group by session_key, driver_number

    union all

    select 'laps', session_key, driver_number, 0, count(*) from {{ ref('lap_chart') }} group by session_key, driver_number

    union all

    select 'clean laps', session_key, driver_number, count(case when is_clean_lap then 1 end), 0
    from {{ ref('fact_laps') }}
    where session_key in (select session_key from races)
    group by session_key, driver_number

    union all

    select 'clean laps', session_key, driver_number, 0, clean_laps from {{ ref('race_pace') }}
)

select what, session_key, driver_number, sum(in_facts) as rows_in_facts, sum(in_mart) as rows_in_mart
from counted
group by what, session_key, driver_number
having sum(in_facts) <> sum(in_mart)
