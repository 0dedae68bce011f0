{#
Yellow flags of marshal sectors: a part of int_track_status, which calls the macro once. A list of CTEs without `with`.

- A yellow lasts in its marshal sector until that sector, or the track, is clear, or the race starts: yellow flags
  during the grid formation are often not cleared by a message (Zandvoort 2025). The race starts with its first lap; if
  that start is not served, with the last light of the pit exit before the second one (recorded: the same second).
#}

{# CTE sector_seconds: the states of the sectors by second, from the CTEs events, track_events, red_periods and race_starts. #}
{% macro sector_yellow_seconds() -%}
sector_events as (
    select session_key, sector, date, served_order, event from events
    where event in ('yellow', 'sector_clear') and sector is not null
),

resets as (
    select session_key, date, served_order from track_events
    where event = 'clear' or (event = 'pit_exit_open' and not is_race)

    union all

    select session_key, red_ended_at, null from red_periods where red_ended_at is not null

    union all

    select session_key, race_start_at, null from race_starts where race_start_at is not null
),

sector_seconds as (
    select
        session_key,
        sector,
        date,
        max(case when event = 'yellow' then 1 else 0 end) as is_yellow,
        max(case when event = 'sector_clear' then 1 else 0 end) as is_clear,
        max(case when event = 'reset' then 1 else 0 end) as is_reset,
        max(case when event = 'yellow' then served_order end) as yellow_order,
        max(case when event = 'reset' then served_order end) as reset_order
    from (
        select session_key, sector, date, served_order, event from sector_events

        union all

        select sectors.session_key, sectors.sector, resets.date, resets.served_order, 'reset' as event
        from resets
        inner join (select distinct session_key, sector from sector_events) as sectors
            on resets.session_key = sectors.session_key
    ) as events_of_sectors
    group by session_key, sector, date
)
{%- endmacro %}
