{#-
Gap of each car to a reference car with a constant lap time, at the end of each lap of a race or sprint: one row per session, driver
and lap.

The reference car has the mean lap time of the reference driver under green, pit stops included; behind a safety car, a virtual one or
a red flag it has that driver's own lap time. With the leader as reference, every gap would jump when the leader stops; with this one a
stop is a step of one car. The reference driver is the first of the classification with a lap, or without a classification the driver
with the fastest valid lap. A session without a green lap of the reference driver between two known line crossings has no row, and the
laps before the driver's first known crossing have none.
-#}
with laps as (
    select laps.*
    from {{ ref('fact_laps') }} as laps
    inner join {{ ref('dim_sessions') }} as sessions
        on laps.session_key = sessions.session_key
    where sessions.session_category in ('Race', 'Sprint')
),

drivers as (
    select
        session_key,
        driver_number,
        min(case when is_valid_lap then lap_duration end) as fastest_lap_s
    from laps
    group by session_key, driver_number
),

candidates as (
    select
        drivers.session_key,
        drivers.driver_number,
        row_number() over (
            partition by drivers.session_key
            order by
                case when results.session_key is null then 1 else 0 end,
                case when results.position is null then 1 else 0 end,
                results.position,
                coalesce(results.number_of_laps, -1) desc,
                case when drivers.fastest_lap_s is null then 1 else 0 end,
                drivers.fastest_lap_s,
                drivers.driver_number
        ) as choice
    from drivers
    left join {{ ref('fact_results') }} as results
        on drivers.session_key = results.session_key and drivers.driver_number = results.driver_number
),

reference_ends as (
    select
        laps.session_key,
        laps.driver_number,
        laps.lap_number,
        laps.lap_end_at,
        coalesce(laps.track_status, '') in ('SC', 'VSC', 'Red') as is_neutralized,
        lag(laps.lap_number) over reference_laps as previous_lap,
        lag(laps.lap_end_at) over reference_laps as previous_end_at
    from laps
    inner join candidates
        on laps.session_key = candidates.session_key and laps.driver_number = candidates.driver_number
    where candidates.choice = 1 and laps.lap_end_at is not null
    window reference_laps as (partition by laps.session_key order by laps.lap_number)
),

reference_laps as (
    select
        session_key,
        driver_number,
        lap_number,
        lap_end_at,
        is_neutralized,
        case when previous_lap = lap_number - 1 then {{ seconds_between('previous_end_at', 'lap_end_at') }} end as lap_s
    from reference_ends
),

reference_pace as (
    select
        session_key,
        max(driver_number) as driver_number,
        min(lap_number) as first_lap,
        min_by(lap_end_at, lap_number) as first_end_at,
        avg(case when not is_neutralized then lap_s end) as lap_s
    from reference_laps
    group by session_key
),

-- seconds that neutralized laps of the reference driver took longer than the constant lap time, up to each lap of the session
neutralized as (
    select
        numbered.session_key,
        numbered.lap_number,
        sum(case when own.is_neutralized and own.lap_s is not null then own.lap_s - pace.lap_s else 0 end) over (
            partition by numbered.session_key
            order by numbered.lap_number rows between unbounded preceding and current row
        ) as extra_s
    from (select distinct session_key, lap_number from laps where lap_end_at is not null) as numbered
    inner join reference_pace as pace
        on numbered.session_key = pace.session_key
    left join reference_laps as own
        on numbered.session_key = own.session_key and numbered.lap_number = own.lap_number
)

select
    {{ surrogate_key(['laps.session_key', 'laps.driver_number', 'laps.lap_number']) | indent(4) }} as steady_pace_gap_key,
    laps.session_key,
    laps.meeting_key,
    laps.season,
    laps.driver_number,
    laps.lap_number,
    pace.driver_number as reference_driver_number,
    round(pace.lap_s, 6) as reference_lap_s,
    round(
        {{ seconds_between('pace.first_end_at', 'laps.lap_end_at') }}
        - (laps.lap_number - pace.first_lap) * pace.lap_s
        - neutralized.extra_s,
        6
    ) as gap_to_steady_s
from laps
inner join reference_pace as pace
    on laps.session_key = pace.session_key
inner join neutralized
    on laps.session_key = neutralized.session_key and laps.lap_number = neutralized.lap_number
where laps.lap_end_at is not null and laps.lap_number >= pace.first_lap and pace.lap_s is not null
