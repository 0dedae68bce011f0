-- The team of a lap is the driver's team on that day. It is compared with the driver's period in dim_drivers, which is
-- computed differently; a join on the current team fails here. Only drivers listed once in the session are compared: a car
-- whose driver was looked up in the season has no period, and dim_drivers has one row for a person with two numbers.
{{ config(meta={'dagster': {'ref': {'name': 'fact_laps'}}}) }}
with listed_once as (
    select
        driver_id,
        date_start,
        max(session_key) as session_key,
        max(driver_number) as driver_number
    from {{ ref('int_drivers') }}
    where is_f1_driver
    group by driver_id, date_start
    having count(*) = 1
)

select laps.session_key, laps.driver_number, laps.team_name, drivers.team_name as team_in_that_period
from (
    select distinct session_key, driver_number, driver_id, team_name from {{ ref('fact_laps') }}
) as laps
inner join listed_once
    on
        laps.session_key = listed_once.session_key
        and laps.driver_number = listed_once.driver_number
        and laps.driver_id = listed_once.driver_id
inner join {{ ref('dim_drivers') }} as drivers
    on
        laps.driver_id = drivers.driver_id
        and drivers.is_f1_driver
        and listed_once.date_start >= drivers.valid_from
        and (drivers.valid_to is null or listed_once.date_start < drivers.valid_to)
where laps.team_name <> drivers.team_name and laps.team_name <> 'Unknown Team'
