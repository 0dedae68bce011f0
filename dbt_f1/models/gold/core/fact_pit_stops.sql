{#-
One row per visit to the pit lane, with the lap to which the source assigns it: the in-lap in races and sprints, the out-lap in
practice and qualifying. `in_lap_number` is the in-lap in every session.

A visit is classified by its own time, from pit entry to pit exit, and not by its lap: the lap on which a race is stopped also
has stops made before the red flag. A visit under a red flag costs no time, so it is flagged and excluded from sums of lane times.
A car that entered before the red flag and is back on the track within var max_pit_stop_s made a normal stop.

A car that keeps its tyres makes a pass-through (see int_tyre_sets and int_pit_visits). Where no stint starts after a visit and
there is no sign of a pass-through, the stint is missing, and whether the tyres changed is unknown.
-#}
with stints as (
    select
        silver_stints.session_key,
        silver_stints.driver_number,
        silver_stints.stint_number,
        silver_stints.compound,
        silver_stints.lap_start,
        silver_stints.lap_end,
        silver_stints.tyre_age_at_start - coalesce(silver_stints.lap_start, silver_stints.source_lap_start)
            as age_less_lap,
        sets.is_new_set,
        case
            when
                coalesce(
                    lag(silver_stints.lap_end) over driver_stints, lag(silver_stints.source_lap_end) over driver_stints
                ) >= coalesce(silver_stints.lap_start, silver_stints.source_lap_start) - 1
                then lag(silver_stints.stint_number) over driver_stints
        end as stint_before
    from {{ ref('silver_stints') }} as silver_stints
    left join {{ ref('int_tyre_sets') }} as sets
        on
            silver_stints.session_key = sets.session_key
            and silver_stints.driver_number = sets.driver_number
            and silver_stints.stint_number = sets.stint_number
    window driver_stints as (
        partition by silver_stints.session_key, silver_stints.driver_number order by silver_stints.stint_number
    )
),

states as (
    select
        visits.session_key,
        visits.driver_number,
        visits.lap_number,
        max(case when track.gravity < 4 then track.gravity end) as gravity,
        max(
            case
                when
                    track.gravity = 4
                    and (
                        track.started_at <= visits.entered_at
                        or {{ seconds_between('visits.entered_at', 'visits.left_at') }} > {{ var('max_pit_stop_s') }}
                    )
                    then 1
                else 0
            end
        ) = 1 as is_under_red
    from {{ ref('int_pit_visits') }} as visits
    inner join {{ ref('int_track_status') }} as track
        on
            visits.session_key = track.session_key
            and track.started_at <= visits.left_at
            and (track.ended_at is null or track.ended_at > visits.entered_at)
    group by visits.session_key, visits.driver_number, visits.lap_number
),

controlled_sessions as (
    select distinct session_key from {{ ref('silver_race_control') }}
),

visits as (
    select
        stops.*,
        visits.in_lap_number,
        visits.out_lap_number,
        visits.entered_at,
        visits.is_in_race,
        visits.is_behind_safety_car or visits.is_penalty or visits.is_too_short_to_stop as has_only_passed,
        states.gravity,
        coalesce(states.is_under_red, false) as is_red_flag_stop,
        controlled_sessions.session_key is not null as is_controlled,
        coalesce(visits.next_stint_number, out_stints.stint_number) as stint_after,
        case
            when visits.next_stint_number is null then in_stints.stint_number else next_stints.stint_before
        end as stint_before
    from {{ ref('silver_pit_stops') }} as stops
    left join {{ ref('int_pit_visits') }} as visits
        on
            stops.session_key = visits.session_key
            and stops.driver_number = visits.driver_number
            and stops.lap_number = visits.lap_number
    left join states
        on
            stops.session_key = states.session_key
            and stops.driver_number = states.driver_number
            and stops.lap_number = states.lap_number
    left join controlled_sessions
        on stops.session_key = controlled_sessions.session_key
    left join stints as next_stints
        on
            visits.session_key = next_stints.session_key
            and visits.driver_number = next_stints.driver_number
            and visits.next_stint_number = next_stints.stint_number
    left join stints as in_stints
        on
            visits.session_key = in_stints.session_key
            and visits.driver_number = in_stints.driver_number
            and visits.in_lap_number between in_stints.lap_start and in_stints.lap_end
    left join stints as out_stints
        on
            visits.session_key = out_stints.session_key
            and visits.driver_number = out_stints.driver_number
            and visits.out_lap_number between out_stints.lap_start and out_stints.lap_end
),

classified as (
    select
        stops.*,
        before.compound as compound_before,
        cast(before.age_less_lap + stops.in_lap_number + 1 as integer) as tyre_age_laps,
        after.compound as compound_after,
        case
            when before.stint_number <> after.stint_number then after.is_new_set
            when before.stint_number = after.stint_number and (
                not stops.is_in_race or stops.has_only_passed or stops.is_red_flag_stop
            ) then false
        end as is_tyre_change
    from visits as stops
    left join stints as before
        on
            stops.session_key = before.session_key
            and stops.driver_number = before.driver_number
            and stops.stint_before = before.stint_number
    left join stints as after
        on
            stops.session_key = after.session_key
            and stops.driver_number = after.driver_number
            and stops.stint_after = after.stint_number
)

select
    {{ surrogate_key(['stops.session_key', 'stops.driver_number', 'stops.lap_number']) | indent(4) }} as pit_stop_key,
    stops.session_key,
    stops.meeting_key,
    stops.season,
    stops.driver_number,
    {{ driver_columns() }},
    stops.lap_number,
    stops.in_lap_number,
    cast(
        row_number() over (partition by stops.session_key, stops.driver_number order by stops.lap_number) as integer
    ) as stop_number,
    stops.date,
    stops.entered_at,
    stops.lane_duration_s,
    stops.stop_duration_s,
    stops.compound_before,
    stops.tyre_age_laps,
    stops.compound_after,
    stops.is_tyre_change,
    coalesce(
        stops.is_in_race
        and not stops.is_red_flag_stop
        and coalesce(not stops.is_tyre_change, stops.has_only_passed),
        false
    ) as is_pass_through,
    in_laps.position_at_lap_end as position_before,
    out_laps.position_at_lap_end as position_after,
    case
        when stops.date is null or not stops.is_controlled then null
        when stops.is_red_flag_stop then 'Red'
        when stops.gravity = 3 then 'SC'
        when stops.gravity = 2 then 'VSC'
        when stops.gravity = 1 then 'Yellow'
        else 'Green'
    end as track_status,
    stops.is_red_flag_stop,
    stops.pulled_at
from classified as stops
left join {{ ref('fact_laps') }} as in_laps
    on
        stops.session_key = in_laps.session_key
        and stops.driver_number = in_laps.driver_number
        and stops.in_lap_number = in_laps.lap_number
left join {{ ref('fact_laps') }} as out_laps
    on
        stops.session_key = out_laps.session_key
        and stops.driver_number = out_laps.driver_number
        and stops.out_lap_number = out_laps.lap_number
left join {{ ref('int_session_drivers') }} as drivers
    on stops.session_key = drivers.session_key and stops.driver_number = drivers.driver_number
left join {{ ref('silver_meetings') }} as meetings
    on stops.meeting_key = meetings.meeting_key
