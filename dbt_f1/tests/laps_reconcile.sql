-- int_laps has exactly the laps of silver, and fact_laps those without the laps after the chequered flag of a race. Each side
-- is counted separately, so that a join that drops or duplicates rows fails. Laps that are not valid in silver are not valid in
-- gold.
{{ config(meta={'dagster': {'ref': {'name': 'fact_laps'}}}) }}
with counted_silver as (
    select session_key, count(*) as laps, sum(case when is_valid_lap then 1 else 0 end) as valid_laps
    from {{ ref('silver_laps') }}
    group by session_key
),

counted_int_laps as (
    select
        session_key,
        count(*) as laps,
        sum(case when is_after_chequered_flag then 0 else 1 end) as race_laps
    from {{ ref('int_laps') }}
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
    coalesce(counted_silver.session_key, counted_int_laps.session_key, counted_gold.session_key) as session_key,
    counted_silver.laps as silver_laps,
    counted_int_laps.laps as int_laps,
    counted_int_laps.race_laps,
    counted_gold.laps as gold_laps,
    counted_mart.laps as mart_laps,
    counted_silver.valid_laps as silver_valid_laps,
    counted_gold.valid_laps as gold_valid_laps
from counted_silver
full outer join counted_int_laps on counted_silver.session_key = counted_int_laps.session_key
full outer join counted_gold on counted_int_laps.session_key = counted_gold.session_key
full outer join counted_mart on counted_gold.session_key = counted_mart.session_key
where
    counted_silver.laps is distinct from counted_int_laps.laps
    or counted_int_laps.race_laps is distinct from counted_gold.laps
    or counted_gold.laps is distinct from counted_mart.laps
    or counted_gold.valid_laps is distinct from counted_mart.valid_laps
    or counted_gold.valid_laps > counted_silver.valid_laps
