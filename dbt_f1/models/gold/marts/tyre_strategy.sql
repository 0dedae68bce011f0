{#-
One row per race or sprint and driver: compounds in order, stint lengths, stops and time in the pit lane.

Stints of fact_stints on the same tyre set count as one stint. A stop is a visit to the pit lane that is not a pass-through
(is_pass_through of fact_pit_stops). Time in the pit lane excludes stops under a red flag, when the race was stopped.

Unknown values are null, never 0. Stops are known where the session has visits or no driver changed tyres, except for a driver
with tyre changes and no stop. With fewer stops than tyre changes the strategy is incomplete. `is_complete` shows whether
everything is known; the last lap of a driver may be missing in the stints, because the source often omits the lap of a
retirement.
-#}
with races as (
    select session_key, session_category
    from {{ ref('dim_sessions') }}
    where session_category in ('Race', 'Sprint')
),

stints as (
    select stints.*
    from {{ ref('fact_stints') }} as stints
    inner join races on stints.session_key = races.session_key
),

visits as (
    select visits.*
    from {{ ref('fact_pit_stops') }} as visits
    inner join races on visits.session_key = races.session_key
),

laps as (
    select
        laps.session_key,
        laps.driver_number,
        max(laps.meeting_key) as meeting_key,
        max(laps.season) as season,
        {{ carried_driver_columns('laps', aggregate='max') }},
        max(laps.lap_number) as last_lap
    from {{ ref('fact_laps') }} as laps
    inner join races on laps.session_key = races.session_key
    group by laps.session_key, laps.driver_number
),

drivers as (
    select
        session_key,
        driver_number,
        max(meeting_key) as meeting_key,
        max(season) as season,
        {{ carried_driver_columns(aggregate='max') }}
    from (
        select session_key, driver_number, meeting_key, season, {{ carried_driver_columns() }}
        from stints
        where is_driven

        union all

        select session_key, driver_number, meeting_key, season, {{ carried_driver_columns() }} from visits

        union all

        select session_key, driver_number, meeting_key, season, {{ carried_driver_columns() }} from laps
    ) as named
    group by session_key, driver_number
),

sets as (
    select
        session_key,
        driver_number,
        tyre_set_number,
        max(compound) as compound,
        min_by(tyre_age_at_start, stint_number) as tyre_age_at_start,
        sum(stint_laps) as set_laps,
        min(coalesce(lap_start, 1)) as lap_start,
        max(lap_end) as lap_end
    from stints
    where is_driven
    group by session_key, driver_number, tyre_set_number
),

listed as (
    select
        session_key,
        driver_number,
        count(*) as stints,
        count(distinct compound) as compounds_used,
        {{ text_list('compound', '-', 'tyre_set_number') }} as compounds,
        {{ text_list('cast(set_laps as ' ~ dbt.type_string() ~ ')', '-', 'tyre_set_number') }} as stint_lengths,
        min_by(compound, tyre_set_number) as first_compound,
        min_by(tyre_age_at_start, tyre_set_number) as first_tyre_age_laps,
        max(set_laps) as longest_stint_laps,
        min(lap_start) as first_lap,
        max(lap_end) as last_lap,
        sum(set_laps) as laps_of_stints,
        max(case when compound = 'UNKNOWN' then 1 else 0 end) = 1 as has_unknown_compound
    from sets
    group by session_key, driver_number
),

-- the first stint of a driver, where the source does not serve its laps
first_stints as (
    select session_key, driver_number, compound, tyre_age_at_start
    from stints
    where stint_number = 1 and not is_driven
),

counted as (
    select
        session_key,
        driver_number,
        count(case when not is_pass_through then 1 end) as stops,
        count(case when is_pass_through then 1 end) as pass_throughs,
        count(case when is_red_flag_stop then 1 end) as red_flag_stops,
        count(case when not is_pass_through and not is_red_flag_stop and lane_duration_s is null then 1 end)
            as stops_without_time,
        sum(case when not is_pass_through and not is_red_flag_stop then {{ milliseconds('lane_duration_s') }} end) / 1000.0
            as pit_lane_time_s,
        min(case when not is_pass_through and not is_red_flag_stop then lane_duration_s end) as fastest_pit_lane_time_s,
        min(case when is_tyre_change is null then in_lap_number end) as first_unknown_lap
    from visits
    group by session_key, driver_number
),

served_sessions as (
    select distinct session_key from visits
),

sessions_without_a_change as (
    select session_key from listed group by session_key having max(stints) = 1
),

known as (
    select
        drivers.session_key,
        drivers.driver_number,
        coalesce(
            (served_sessions.session_key is not null or sessions_without_a_change.session_key is not null)
            and (coalesce(counted.stops, 0) > 0 or coalesce(listed.stints, 1) = 1),
            false
        ) as has_stops
    from drivers
    left join served_sessions on drivers.session_key = served_sessions.session_key
    left join sessions_without_a_change on drivers.session_key = sessions_without_a_change.session_key
    left join listed on drivers.session_key = listed.session_key and drivers.driver_number = listed.driver_number
    left join counted on drivers.session_key = counted.session_key and drivers.driver_number = counted.driver_number
)

select
    {{ surrogate_key(['drivers.session_key', 'drivers.driver_number']) | indent(4) }} as tyre_strategy_key,
    drivers.session_key,
    drivers.meeting_key,
    drivers.season,
    races.session_category,
    drivers.driver_number,
    {{ carried_driver_columns('drivers') }},
    cast(listed.stints as integer) as stints,
    listed.compounds,
    listed.stint_lengths,
    cast(listed.compounds_used as integer) as compounds_used,
    nullif(
        case when listed.first_lap <= 1 then listed.first_compound else first_stints.compound end, 'UNKNOWN'
    ) as starting_compound,
    case when listed.first_lap <= 1 then listed.first_tyre_age_laps else first_stints.tyre_age_at_start end
        as starting_tyre_age_laps,
    cast(listed.longest_stint_laps as integer) as longest_stint_laps,
    cast(case when known.has_stops then coalesce(counted.stops, 0) end as integer) as stops,
    cast(case when known.has_stops then coalesce(counted.red_flag_stops, 0) end as integer) as red_flag_stops,
    cast(case when known.has_stops then coalesce(counted.pass_throughs, 0) end as integer) as pass_throughs,
    case when known.has_stops and counted.stops_without_time = 0 then round(counted.pit_lane_time_s, 3) end
        as pit_lane_time_s,
    case when known.has_stops and counted.stops_without_time = 0 then counted.fastest_pit_lane_time_s end
        as fastest_pit_lane_time_s,
    coalesce(
        known.has_stops
        and listed.stints - 1 <= coalesce(counted.stops, 0)
        and listed.first_lap <= 1
        and listed.laps_of_stints >= listed.last_lap
        and listed.last_lap >= coalesce(laps.last_lap - 1, listed.last_lap)
        and not listed.has_unknown_compound
        and coalesce(counted.first_unknown_lap >= listed.last_lap, true),
        false
    ) as is_complete
from drivers
inner join races on drivers.session_key = races.session_key
left join known on drivers.session_key = known.session_key and drivers.driver_number = known.driver_number
left join listed on drivers.session_key = listed.session_key and drivers.driver_number = listed.driver_number
left join first_stints
    on drivers.session_key = first_stints.session_key and drivers.driver_number = first_stints.driver_number
left join counted on drivers.session_key = counted.session_key and drivers.driver_number = counted.driver_number
left join laps on drivers.session_key = laps.session_key and drivers.driver_number = laps.driver_number
