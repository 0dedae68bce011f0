-- Every lap of silver is in gold, and none besides: counted on each side alone, so that a join that drops or doubles rows
-- shows. The sums say that the times were not changed on the way.
{{ config(meta={'dagster': {'ref': {'name': 'fact_laps'}}}) }}
with counted_silver as (
    select session_key, count(*) as laps, sum(case when is_valid_lap then 1 else 0 end) as valid_laps
    from {{ ref('silver_laps') }}
    group by session_key
),

counted_gold as (
    select session_key, count(*) as laps, sum(case when is_valid_lap then 1 else 0 end) as valid_laps
    from {{ ref('fact_laps') }}
    group by session_key
),

counted_mart as (
    select session_key, sum(total_laps) as laps, sum(valid_laps) as valid_laps
    from {{ ref('driver_session_summary') }}
    group by session_key
)

select
    counted_silver.session_key,
    counted_silver.laps as silver_laps,
    counted_gold.laps as gold_laps,
    counted_mart.laps as mart_laps
from counted_silver
full outer join counted_gold on counted_silver.session_key = counted_gold.session_key
full outer join counted_mart on counted_silver.session_key = counted_mart.session_key
where
    counted_silver.laps is distinct from counted_gold.laps
    or counted_silver.valid_laps is distinct from counted_gold.valid_laps
    or counted_silver.laps is distinct from counted_mart.laps
    or counted_silver.valid_laps is distinct from counted_mart.valid_laps
