-- Stops of a race are those of the pit facts, and laps of the chart are those of the lap facts: counted on each side alone.
{{ config(meta={'dagster': {'ref': {'name': 'tyre_strategy'}}}) }}
with races as (
    select session_key from {{ ref('dim_sessions') }} where session_category in ('Race', 'Sprint')
),

counted as (
    select 'stops' as what, stops.session_key, stops.driver_number, count(*) as in_facts, 0 as in_mart
    from {{ ref('fact_pit_stops') }} as stops
    -- who has a stop and no stint is in no strategy
    inner join {{ ref('tyre_strategy') }} as known
        on stops.session_key = known.session_key and stops.driver_number = known.driver_number
    group by stops.session_key, stops.driver_number

    union all

    select 'stops', session_key, driver_number, 0, stops from {{ ref('tyre_strategy') }}

    union all

    select 'drivers', session_key, driver_number, 1, 0
    from {{ ref('fact_stints') }}
    where stint_laps > 0 and session_key in (select session_key from races)
    group by session_key, driver_number

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
