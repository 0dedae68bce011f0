-- Every stint, pit stop and overtake of silver is in gold, and none besides; no lap of a stint is lost or counted twice.
{{ config(meta={'dagster': {'ref': {'name': 'fact_stints'}}}) }}
with counted as (
    select 'stints' as what, session_key, count(*) as in_silver, 0 as in_gold from {{ ref('silver_stints') }} group by session_key
    union all
    select 'stints', session_key, 0, count(*) from {{ ref('fact_stints') }} group by session_key
    union all
    select 'pit stops', session_key, count(*), 0 from {{ ref('silver_pit_stops') }} group by session_key
    union all
    select 'pit stops', session_key, 0, count(*) from {{ ref('fact_pit_stops') }} group by session_key
    union all
    select 'overtakes', session_key, count(*), 0 from {{ ref('silver_overtakes') }} group by session_key
    union all
    select 'overtakes', session_key, 0, count(*) from {{ ref('fact_overtakes') }} group by session_key
    union all
    select 'laps of stints', session_key, count(stint_number), 0 from {{ ref('fact_laps') }} group by session_key
    union all
    select 'laps of stints', session_key, 0, sum(laps_driven) from {{ ref('fact_stints') }} group by session_key
)

select what, session_key, sum(in_silver) as in_silver, sum(in_gold) as in_gold
from counted
group by what, session_key
having sum(in_silver) <> sum(in_gold)
