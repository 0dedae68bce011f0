{{ config(materialized='table') }}
{#-
Who was in the car with a number in a session: what every fact joins. One row per session of a season and number that a
Formula 1 driver has in it, and one per support driver that the session's list names.

- A Formula 1 driver of the session's own list (`is_listed`).
- Else the driver who has the number elsewhere in the season: in a session of the same meeting, or in the one nearest in
  time. The list of a session is missing at times, or a driver is missing from it, and the car has laps and points.
- Else, where the list gives the number to a support driver, the person that the rest of the row means.
- Else the driver that the list names: a driver without a team. Such a driver gets the team of another session only when
  it is the same person.
-#}
with sessions as (
    select session_key, meeting_key, season, date_start from {{ ref('silver_sessions') }}
    union all
    select
        session_key, max(meeting_key) as meeting_key, max(season) as season, cast(null as timestamp) as date_start
    from {{ ref('int_drivers') }}
    where session_key not in (select session_key from {{ ref('silver_sessions') }})
    group by session_key
),

f1_drivers as (
    select * from {{ ref('int_drivers') }} where is_f1_driver
),

others as (
    select * from {{ ref('int_drivers') }} where not is_f1_driver
),

numbers as (
    select season, driver_number from f1_drivers group by season, driver_number
),

missing as (
    select
        sessions.session_key,
        sessions.meeting_key,
        sessions.season,
        sessions.date_start,
        numbers.driver_number,
        -- a driver without a team, who may only be the same person elsewhere
        case when others.number_team_id is null then others.driver_id end as only_driver_id
    from sessions
    inner join numbers
        on sessions.season = numbers.season
    left join others
        on sessions.session_key = others.session_key and numbers.driver_number = others.driver_number
    where
        not exists (
            select 1 from f1_drivers
            where f1_drivers.session_key = sessions.session_key and f1_drivers.driver_number = numbers.driver_number
        )
),

candidates as (
    select
        missing.session_key,
        missing.meeting_key,
        known.driver_number,
        known.driver_id,
        known.broadcast_name,
        known.full_name,
        known.name_acronym,
        known.team_id,
        known.constructor_id,
        known.team_name,
        known.team_colour,
        missing.season,
        case when known.meeting_key = missing.meeting_key then 0 else 1 end as meetings_apart,
        abs({{ seconds_between('missing.date_start', 'known.date_start') }}) as seconds_apart,
        known.date_start as known_at,
        known.session_key as known_in
    from missing
    inner join f1_drivers as known
        on
            missing.season = known.season
            and missing.driver_number = known.driver_number
            and coalesce(missing.only_driver_id, known.driver_id) = known.driver_id
),

-- ordered by columns and not by the expressions above: Sail does not plan a window over them
ranked as (
    select
        *,
        row_number() over (
            partition by session_key, driver_number
            order by meetings_apart, seconds_apart nulls last, known_at nulls last, known_in
        ) as nearness
    from candidates
),

looked_up as (
    select * from ranked where nearness = 1
),

everyone as (
    select
        session_key, meeting_key, season, driver_number, driver_id, broadcast_name, full_name, name_acronym, team_id,
        constructor_id, team_name, team_colour, true as is_f1_driver, true as is_listed
    from f1_drivers

    union all

    select
        session_key, meeting_key, season, driver_number, driver_id, broadcast_name, full_name, name_acronym, team_id,
        constructor_id, team_name, team_colour, true as is_f1_driver, false as is_listed
    from looked_up

    union all

    select
        session_key, meeting_key, season, driver_number, coalesce(number_driver_id, driver_id) as driver_id,
        case when number_driver_id is null then broadcast_name else first_name || ' ' || last_name end as broadcast_name,
        case when number_driver_id is null then full_name else first_name || ' ' || last_name end as full_name,
        case when number_driver_id is null then name_acronym end as name_acronym,
        case when number_driver_id is null then team_id else number_team_id end as team_id,
        case when number_driver_id is null then constructor_id else number_constructor_id end as constructor_id,
        case when number_driver_id is null then team_name else number_team_name end as team_name,
        number_team_colour as team_colour,
        number_driver_id is not null as is_f1_driver,
        number_driver_id is null as is_listed
    from others
    where
        not exists (
            select 1 from looked_up
            where looked_up.session_key = others.session_key and looked_up.driver_number = others.driver_number
        )
)

select * from everyone
