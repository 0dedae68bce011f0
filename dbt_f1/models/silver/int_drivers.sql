{{ config(materialized='table') }}
{#-
The rows of silver_drivers with what only all lists of a season show: whether the row is that of a Formula 1 driver.

A list with drivers without a team holds a support series as well, and a row whose names differ holds two persons. Where
in such a list another person has the number in more sessions of the season, team and number are that person's, and the one
named is a support driver. A reserve driver in practice keeps the team: the numbers of reserve drivers are used by no one
else in the races.

Rows of support drivers keep their names and have no team. Small enough to be built in full: a list counts in all others.
-#}
with numbers as (
    select
        season,
        driver_number,
        driver_id,
        count(*) as sessions
    from {{ ref('silver_drivers') }}
    where is_f1_driver
    group by season, driver_number, driver_id
),

compared as (
    select
        *,
        max(sessions) over (partition by season, driver_number) as most_sessions
    from numbers
),

decided as (
    select
        drivers.*,
        -- a person always has a period in dim_drivers, also without a date of the session
        coalesce(sessions.date_start, cast(make_date(drivers.season, 1, 1) as timestamp)) as date_start,
        drivers.is_f1_driver
        and not (
            (drivers.lists_support_series or drivers.has_name_conflict) and compared.sessions < compared.most_sessions
        ) as is_decided_f1_driver
    from {{ ref('silver_drivers') }} as drivers
    left join compared
        on
            drivers.season = compared.season
            and drivers.driver_number = compared.driver_number
            and drivers.driver_id = compared.driver_id
    left join {{ ref('silver_sessions') }} as sessions
        on drivers.session_key = sessions.session_key
)

select
    session_key,
    meeting_key,
    driver_number,
    driver_id,
    broadcast_name,
    full_name,
    first_name,
    last_name,
    name_acronym,
    case when is_decided_f1_driver then team_id else 'unknown-team' end as team_id,
    case when is_decided_f1_driver then constructor_id else 'unknown-team' end as constructor_id,
    case when is_decided_f1_driver then team_name else 'Unknown Team' end as team_name,
    case when is_decided_f1_driver then team_category else 'Unknown' end as team_category,
    case when is_decided_f1_driver then team_colour end as team_colour,
    headshot_url,
    country_code,
    is_decided_f1_driver as is_f1_driver,
    -- the person and the team that the number stands for where the named person does not drive for it
    case when team_id <> 'unknown-team' and not is_decided_f1_driver and named_driver_id <> driver_id then named_driver_id end
        as number_driver_id,
    case when team_id <> 'unknown-team' and not is_decided_f1_driver then team_id end as number_team_id,
    case when team_id <> 'unknown-team' and not is_decided_f1_driver then constructor_id end as number_constructor_id,
    case when team_id <> 'unknown-team' and not is_decided_f1_driver then team_name end as number_team_name,
    case when team_id <> 'unknown-team' and not is_decided_f1_driver then team_category end as number_team_category,
    case when team_id <> 'unknown-team' and not is_decided_f1_driver then team_colour end as number_team_colour,
    season,
    date_start,
    pulled_at
from decided
