-- The team of a lap is the one the driver drove for on that day: compared with the person's period at that time, which is
-- built another way. A join on today's team shows here. Whom the source lists with two teams at one time is left out: his
-- period can name only one of them.
{{ config(meta={'dagster': {'ref': {'name': 'fact_laps'}}}) }}
select laps.session_key, laps.driver_number, laps.team_name, drivers.team_name as team_in_that_period
from (
    select distinct session_key, driver_number, driver_id, team_name from {{ ref('fact_laps') }}
) as laps
inner join (
    select listed.driver_id, sessions.date_start
    from {{ ref('silver_drivers') }} as listed
    inner join {{ ref('silver_sessions') }} as sessions
        on listed.session_key = sessions.session_key
    where listed.is_f1_driver
    group by listed.driver_id, sessions.date_start
    having count(distinct listed.team_name) = 1
) as of_one_team
    on laps.driver_id = of_one_team.driver_id
inner join {{ ref('dim_sessions') }} as sessions
    on laps.session_key = sessions.session_key and of_one_team.date_start = sessions.date_start
inner join {{ ref('dim_drivers') }} as drivers
    on
        laps.driver_id = drivers.driver_id
        and drivers.is_f1_driver
        and sessions.date_start >= drivers.valid_from
        and (drivers.valid_to is null or sessions.date_start < drivers.valid_to)
where laps.team_name <> drivers.team_name and laps.team_name <> 'Unknown Team'
