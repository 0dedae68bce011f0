{#-
One row per visit to the pit lane: the lap it belongs to, when it began, the stint that follows it, and whether the car only
passed through. Not published.

Incremental by session. The stint that follows a visit starts on the lap after the in-lap (1,509 of 1,512 recorded visits of
the races of 2023 and 2024). Two races (9963, 9979) serve all stints one lap early. If a driver has as many changes
of stint as visits, and all of them differ from the visits by the same 0 or 1 laps, they are paired in order; otherwise by lap.

A car passes through the pit lane and keeps its tyres if it follows the safety car, if it serves a drive-through or a
stop-and-go (no work on the car is allowed), or if it is faster than the tyre changes of the session by more than a stationary
time.
-#}
with changed as (
    {{ changed_sessions([
        ref('silver_pit_stops'),
        ref('silver_stints'),
        ref('silver_race_control'),
        '(select session_key, session_category as pull_id from ' ~ ref('silver_sessions') ~ ') as categories'
    ]) }}
),

visits as (
    select
        stops.session_key,
        stops.driver_number,
        stops.lap_number,
        coalesce(sessions.session_category in ('Race', 'Sprint'), false) as is_in_race,
        cast({{ in_lap_of_stop('sessions.session_category', 'stops.lap_number') }} as integer) as in_lap_number,
        cast({{ in_lap_of_stop('sessions.session_category', 'stops.lap_number') }} + 1 as integer) as out_lap_number,
        {{ add_seconds('stops.date', '-coalesce(stops.lane_duration_s, 0)') }} as entered_at,
        stops.date as left_at,
        stops.lane_duration_s,
        changed.built_from,
        row_number() over (
            partition by stops.session_key, stops.driver_number order by stops.lap_number
        ) as visit_number,
        count(*) over (partition by stops.session_key, stops.driver_number) as visits
    from {{ ref('silver_pit_stops') }} as stops
    inner join changed on stops.session_key = changed.session_key
    left join {{ ref('silver_sessions') }} as sessions on stops.session_key = sessions.session_key
),

served_stints as (
    select
        session_key,
        driver_number,
        stint_number,
        compound,
        lag(compound) over (partition by session_key, driver_number order by stint_number) as previous_compound,
        coalesce(lap_start, source_lap_start) - 1 as last_lap_before,
        row_number() over (partition by session_key, driver_number order by stint_number) - 1 as change_number,
        count(*) over (partition by session_key, driver_number) - 1 as changes
    from {{ ref('silver_stints') }}
    where session_key in (select session_key from changed) and source_lap_start is not null
),

changes as (
    select * from served_stints where change_number > 0
),

-- the laps between the k-th visit and the k-th change of stint, where a driver has as many of one as of the other
offsets as (
    select
        visits.session_key,
        visits.driver_number,
        min(visits.in_lap_number - changes.last_lap_before) as laps_early
    from visits
    inner join changes
        on
            visits.session_key = changes.session_key
            and visits.driver_number = changes.driver_number
            and visits.visit_number = changes.change_number
    where visits.visits = changes.changes
    group by visits.session_key, visits.driver_number
    having
        min(visits.in_lap_number - changes.last_lap_before) = max(visits.in_lap_number - changes.last_lap_before)
        and min(visits.in_lap_number - changes.last_lap_before) in (0, 1)
),

paired as (
    select
        visits.session_key,
        visits.driver_number,
        visits.lap_number,
        min(changes.stint_number) as next_stint_number
    from visits
    inner join changes
        on visits.session_key = changes.session_key and visits.driver_number = changes.driver_number
    left join offsets
        on visits.session_key = offsets.session_key and visits.driver_number = offsets.driver_number
    where
        visits.in_lap_number = changes.last_lap_before + coalesce(offsets.laps_early, 0)
        and (offsets.laps_early is null or visits.visit_number = changes.change_number)
    group by visits.session_key, visits.driver_number, visits.lap_number
),

-- what a tyre change takes in this session, from visits after which the compound is another one
tyre_changes as (
    select visits.session_key, median(visits.lane_duration_s) as lane_duration_s
    from visits
    inner join paired
        on
            visits.session_key = paired.session_key
            and visits.driver_number = paired.driver_number
            and visits.lap_number = paired.lap_number
    inner join changes
        on
            paired.session_key = changes.session_key
            and paired.driver_number = changes.driver_number
            and paired.next_stint_number = changes.stint_number
    where
        changes.compound <> changes.previous_compound
        and visits.lane_duration_s < {{ var('max_pit_stop_s') }}
    group by visits.session_key
    having count(*) >= 2
),

messages as (
    select session_key, date, category, flag, scope, message
    from {{ ref('silver_race_control') }}
    where date is not null and session_key in (select session_key from changed)
),

-- the field follows the safety car through the pit lane until the state of the safety car or of the full track changes
routes as (
    select
        session_key,
        date,
        {{ is_through_the_pit_lane('message') }} as is_through_the_pit_lane
    from messages
    where
        {{ is_through_the_pit_lane('message') }}
        or category = 'SafetyCar'
        or message like '%SAFETY CAR WILL USE%STRAIGHT%'
        or flag = 'RED'
        or (flag in ('CLEAR', 'GREEN') and scope = 'Track')
),

periods as (
    select
        session_key,
        is_through_the_pit_lane,
        date as started_at,
        lead(date) over (
            partition by session_key order by date, case when is_through_the_pit_lane then 1 else 0 end
        ) as ended_at
    from routes
),

behind_the_safety_car as (
    select distinct visits.session_key, visits.driver_number, visits.lap_number
    from visits
    inner join periods
        on
            visits.session_key = periods.session_key
            and visits.entered_at >= periods.started_at
            and (periods.ended_at is null or visits.entered_at < periods.ended_at)
    where periods.is_through_the_pit_lane
),

-- a penalty that is served in the pit lane is served within two laps of the message: {{ var('max_penalty_wait_s') }} s
penalties as (
    select distinct visits.session_key, visits.driver_number, visits.lap_number
    from visits
    inner join messages
        on
            visits.session_key = messages.session_key
            and messages.date <= visits.entered_at
            and {{ seconds_between('messages.date', 'visits.entered_at') }} <= {{ var('max_penalty_wait_s') }}
    where
        regexp_extract(messages.message, '(DRIVE.THROUGH|STOP.{1,5}GO)', 0) <> ''
        and messages.message like '%PENALTY%'
        and messages.message not like '%SERVED%'
        and messages.message || ' ' like '%CAR ' || cast(visits.driver_number as {{ dbt.type_string() }}) || ' %'
)

select
    visits.session_key,
    visits.driver_number,
    visits.lap_number,
    case when visits.in_lap_number >= 1 then visits.in_lap_number end as in_lap_number,
    visits.out_lap_number,
    visits.entered_at,
    visits.left_at,
    visits.is_in_race,
    paired.next_stint_number,
    visits.is_in_race and behind_the_safety_car.session_key is not null as is_behind_safety_car,
    visits.is_in_race and penalties.session_key is not null as is_penalty,
    visits.is_in_race
    and coalesce(visits.lane_duration_s < tyre_changes.lane_duration_s - {{ var('min_tyre_change_s') }}, false)
        as is_too_short_to_stop,
    visits.built_from
from visits
left join paired
    on
        visits.session_key = paired.session_key
        and visits.driver_number = paired.driver_number
        and visits.lap_number = paired.lap_number
left join tyre_changes on visits.session_key = tyre_changes.session_key
left join behind_the_safety_car
    on
        visits.session_key = behind_the_safety_car.session_key
        and visits.driver_number = behind_the_safety_car.driver_number
        and visits.lap_number = behind_the_safety_car.lap_number
left join penalties
    on
        visits.session_key = penalties.session_key
        and visits.driver_number = penalties.driver_number
        and visits.lap_number = penalties.lap_number
