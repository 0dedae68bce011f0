{{ config(materialized='ephemeral') }}
{#-
Periods in which the track was not green, out of the messages of race control, one row a period and place.

A track-wide state lasts until the next track-wide message: a safety car that is called in is over at TRACK CLEAR, not at
"in this lap". A yellow lasts in its marshal sector until that sector is cleared, or the whole track is.
-#}
with messages as (
    select
        session_key,
        date,
        case
            when flag = 'RED' then 'Red'
            when category = 'SafetyCar' and message like 'VIRTUAL SAFETY CAR DEPLOYED%' then 'VSC'
            when category = 'SafetyCar' and message like 'SAFETY CAR DEPLOYED%' then 'SC'
            when flag in ('CLEAR', 'GREEN') and scope = 'Track' then 'Green'
        end as track_state,
        case
            when scope = 'Sector' and flag in ('YELLOW', 'DOUBLE YELLOW') then 'Yellow'
            when scope = 'Sector' and flag in ('CLEAR', 'GREEN') then 'Green'
        end as sector_state,
        sector
    from {{ ref('silver_race_control') }}
    where date is not null
),

sectors as (
    select distinct session_key, sector from messages where sector_state is not null and sector is not null
),

events as (
    select session_key, 0 as place, date, track_state as state
    from messages
    where track_state is not null

    union all

    select session_key, sector as place, date, sector_state as state
    from messages
    where sector_state is not null and sector is not null

    union all

    select messages.session_key, sectors.sector as place, messages.date, 'Green' as state
    from messages
    inner join sectors on messages.session_key = sectors.session_key
    where messages.track_state = 'Green'
),

-- of several messages at one second and place the gravest counts
graded as (
    select
        session_key,
        place,
        date,
        max(case state when 'Red' then 4 when 'SC' then 3 when 'VSC' then 2 when 'Yellow' then 1 else 0 end) as gravity
    from events
    group by session_key, place, date
),

periods as (
    select
        session_key,
        place,
        gravity,
        date as started_at,
        lead(date) over (partition by session_key, place order by date) as ended_at
    from graded
)

select session_key, place, gravity, started_at, ended_at
from periods
where gravity > 0
