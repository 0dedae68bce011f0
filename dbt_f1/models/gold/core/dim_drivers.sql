{#-
One row per person and period in which number, team and acronym stay the same. Periods depend on the dates of sessions, so the
result does not depend on when and in which order sessions are loaded.

A period starts with its first session and ends where the next period starts; the newest period has no end. Join a session to the
row with `valid_from <= date_start and (valid_to is null or date_start < valid_to)`; never join a past session to `is_current`.

Rows without a team (support series) are used only for persons who never drove for a team. Otherwise a team that is missing in
one session would split a period.
-#}
with listed as (
    select
        session_key, driver_number, driver_id, name_acronym, team_id, constructor_id, team_name, broadcast_name,
        full_name, first_name, last_name, country_code, headshot_url, is_f1_driver, date_start
    from {{ ref('int_drivers') }}

    union all

    -- known only from the first and last name of a row that names a support driver
    select
        session_key, driver_number, number_driver_id as driver_id, null as name_acronym, number_team_id as team_id,
        number_constructor_id as constructor_id, number_team_name as team_name,
        first_name || ' ' || last_name as broadcast_name, first_name || ' ' || last_name as full_name, first_name,
        last_name, country_code, headshot_url, true as is_f1_driver, date_start
    from {{ ref('int_drivers') }}
    where
        number_driver_id is not null
        and number_driver_id not in (select driver_id from {{ ref('int_drivers') }} where is_f1_driver)
),

entries as (
    select
        drivers.driver_id,
        drivers.driver_number,
        drivers.name_acronym,
        drivers.team_id,
        drivers.constructor_id,
        drivers.team_name,
        drivers.broadcast_name,
        drivers.full_name,
        drivers.first_name,
        drivers.last_name,
        drivers.country_code,
        drivers.headshot_url,
        drivers.is_f1_driver,
        max(case when drivers.is_f1_driver then 1 else 0 end) over (partition by drivers.driver_id) as ever_f1,
        drivers.date_start,
        -- a person drives one car in a session; where the source lists two, the lower number is used
        row_number() over (
            partition by drivers.driver_id, drivers.date_start
            order by case when drivers.is_f1_driver then 0 else 1 end, drivers.session_key, drivers.driver_number
        ) as choice
    from listed as drivers
),

compared as (
    select
        *,
        lag(driver_number) over history as previous_number,
        lag(name_acronym) over history as previous_acronym,
        lag(team_id) over history as previous_team_id,
        lag(team_name) over history as previous_team_name,
        row_number() over history as appearance
    from entries
    where choice = 1 and (is_f1_driver or ever_f1 = 0)
    window history as (partition by driver_id order by date_start)
),

numbered as (
    select
        *,
        sum(
            case
                when
                    appearance = 1
                    or driver_number is distinct from previous_number
                    or name_acronym is distinct from previous_acronym
                    or team_id is distinct from previous_team_id
                    or team_name is distinct from previous_team_name
                    then 1
                else 0
            end
        ) over (partition by driver_id order by date_start rows between unbounded preceding and current row) as period
    from compared
),

-- the attributes of a period come from its newest session
described as (
    select
        *,
        min(date_start) over (partition by driver_id, period) as valid_from,
        max(date_start) over (partition by driver_id, period) as last_session_at,
        count(*) over (partition by driver_id, period) as sessions_count,
        row_number() over (partition by driver_id, period order by date_start desc) as newness
    from numbered
),

periods as (
    select
        *,
        lead(valid_from) over (partition by driver_id order by valid_from) as valid_to
    from described
    where newness = 1
)

select
    {{ surrogate_key(['driver_id', 'valid_from']) | indent(4) }} as driver_key,
    driver_id,
    driver_number,
    name_acronym,
    team_id,
    constructor_id,
    team_name,
    broadcast_name,
    full_name,
    first_name,
    last_name,
    country_code,
    headshot_url,
    is_f1_driver,
    valid_from,
    valid_to,
    valid_to is null as is_current,
    last_session_at,
    cast(sessions_count as integer) as sessions_count
from periods
