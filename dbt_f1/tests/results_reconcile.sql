-- fact_results has exactly the rows and points of the official classification in silver.
{{ config(meta={'dagster': {'ref': {'name': 'fact_results'}}}) }}
with counted_silver as (
    select session_key, count(*) as drivers, sum(points) as points from {{ ref('silver_session_results') }} group by session_key
),

counted_gold as (
    select session_key, count(*) as drivers, sum(points) as points from {{ ref('fact_results') }} group by session_key
)

select counted_silver.session_key, counted_silver.drivers as silver_drivers, counted_gold.drivers as gold_drivers
from counted_silver
full outer join counted_gold on counted_silver.session_key = counted_gold.session_key
where
    counted_silver.drivers is distinct from counted_gold.drivers
    or abs(coalesce(counted_silver.points, 0) - coalesce(counted_gold.points, 0)) > 0.001
