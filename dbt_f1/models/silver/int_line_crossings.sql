{#-
In which order and how far behind the first car the laps of a race end at the line: one row per driver and lap whose crossing
is known. `line_position` and `line_gap_s` are null where a crossing that is not known may come before. Not published.

The feeds of positions and gaps are late by up to a lap; lap times are exact.
-#}
with changed as (
    {{ changed_sessions([
        '(select session_key, built_from as pull_id from ' ~ ref('int_lap_times')
        ~ ' where is_in_race and not is_after_chequered_flag and lap_end_at is not null) as lap_times'
    ]) }}
),

timed as (
    select laps.*
    from {{ ref('int_lap_times') }} as laps
    inner join changed on laps.session_key = changed.session_key
),

-- Served starts are off by up to 0.5 s and more, lap times are exact: within a run of timed laps every start, less the laps
-- driven up to it, estimates the start of the run, and the median is right to 0.05 s (against the official gaps of 519
-- finishes).
laps_of_races as (
    select
        session_key,
        driver_number,
        lap_number,
        driven_s,
        is_out_lap,
        {{ seconds_between('min(lap_start_at) over (partition by session_key)', 'believed_start') }} as start_s,
        {{ seconds_between('min(lap_start_at) over (partition by session_key)', 'lap_end_at') }} as end_s,
        case
            when
                lap_number > 2
                and follows_previous
                and lag(driven_s) over (partition by session_key, driver_number order by lap_number)
                <= {{ var('max_valid_lap_s') }}
                then 0
            else 1
        end as begins_run
    from timed
    where is_in_race and not is_after_chequered_flag
),

runs as (
    select
        *,
        sum(begins_run) over (
            partition by session_key, driver_number order by lap_number rows unbounded preceding
        ) as run
    from laps_of_races
),

elapsed as (
    select
        *,
        coalesce(
            sum(driven_s) over (
                partition by session_key, driver_number, run order by lap_number
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as elapsed_s
    from runs
),

run_starts as (
    select session_key, driver_number, run, median(start_s - elapsed_s) as run_start_s
    from elapsed
    where start_s is not null
    group by session_key, driver_number, run
),

-- the end of a lap from the lap itself, and from the start of the next one: its own row may be missing
line_estimates as (
    select
        elapsed.session_key,
        elapsed.driver_number,
        elapsed.lap_number,
        case when elapsed.lap_number > 1 then run_starts.run_start_s + elapsed.elapsed_s + elapsed.driven_s end as exact_s,
        elapsed.end_s,
        cast(null as {{ type_double() }}) as next_start_s
    from elapsed
    left join run_starts
        on
            elapsed.session_key = run_starts.session_key
            and elapsed.driver_number = run_starts.driver_number
            and elapsed.run = run_starts.run

    union all

    select
        elapsed.session_key,
        elapsed.driver_number,
        elapsed.lap_number - 1 as lap_number,
        run_starts.run_start_s + elapsed.elapsed_s as exact_s,
        cast(null as {{ type_double() }}) as end_s,
        elapsed.start_s as next_start_s
    from elapsed
    left join run_starts
        on
            elapsed.session_key = run_starts.session_key
            and elapsed.driver_number = run_starts.driver_number
            and elapsed.run = run_starts.run
    where elapsed.lap_number > 1

    union all

    -- the start of the lap after the flag, which is no lap of the race, is the end of the last one
    select
        timed.session_key,
        timed.driver_number,
        timed.lap_number - 1 as lap_number,
        cast(null as {{ type_double() }}) as exact_s,
        cast(null as {{ type_double() }}) as end_s,
        {{ seconds_between('session_starts.first_start_at', 'timed.believed_start') }} as next_start_s
    from timed
    inner join (
        select session_key, min(lap_start_at) as first_start_at
        from timed
        where not is_after_chequered_flag
        group by session_key
    ) as session_starts on timed.session_key = session_starts.session_key
    where
        timed.is_in_race
        and timed.is_after_chequered_flag
        and timed.lap_number - 1 <= timed.race_laps
),

estimated as (
    select
        session_key,
        driver_number,
        lap_number,
        max(exact_s) as exact_s,
        max(end_s) as end_s,
        max(next_start_s) as next_start_s
    from line_estimates
    group by session_key, driver_number, lap_number
),

crossings as (
    select
        session_key,
        driver_number,
        lap_number,
        case
            when
                least(abs(exact_s - end_s), abs(exact_s - next_start_s)) <= {{ var('max_start_error_s') }}
                then exact_s
            else coalesce(end_s, next_start_s)
        end as crossed_s
    from estimated
    where coalesce(end_s, next_start_s) is not null
),

-- how many laps a car has done at least: also those without a row or a time
driven_laps as (
    select session_key, driver_number, max(laps_done) as laps_done
    from (
        select session_key, driver_number, lap_number - 1 as laps_done from timed where is_in_race
        union all
        select session_key, driver_number, number_of_laps as laps_done
        from {{ ref('silver_session_results') }}
        where session_key in (select session_key from laps_of_races)
    ) as counted
    group by session_key, driver_number
),

race_lap_numbers as (
    select session_key, lap_number, min(fastest_s) as fastest_s
    from (
        select
            session_key,
            lap_number,
            coalesce(min(case when not is_out_lap then driven_s end) over (partition by session_key), 0) as fastest_s
        from laps_of_races
    ) as fastest
    group by session_key, lap_number
),

missing_crossings as (
    select driven_laps.session_key, driven_laps.driver_number, race_lap_numbers.lap_number, race_lap_numbers.fastest_s
    from driven_laps
    inner join race_lap_numbers
        on
            driven_laps.session_key = race_lap_numbers.session_key
            and driven_laps.laps_done >= race_lap_numbers.lap_number
    left join crossings
        on
            driven_laps.session_key = crossings.session_key
            and driven_laps.driver_number = crossings.driver_number
            and race_lap_numbers.lap_number = crossings.lap_number
    where crossings.lap_number is null
),

-- between the crossings that are known, no car is faster than the fastest lap of the race
bounded as (
    select
        missing.session_key,
        missing.driver_number,
        missing.lap_number,
        max(
            case
                when known.lap_number < missing.lap_number
                    then known.crossed_s + missing.fastest_s * (missing.lap_number - known.lap_number)
            end
        ) as earliest_s,
        min(
            case
                when known.lap_number > missing.lap_number
                    then known.crossed_s - missing.fastest_s * (known.lap_number - missing.lap_number)
            end
        ) as latest_s
    from missing_crossings as missing
    left join crossings as known
        on missing.session_key = known.session_key and missing.driver_number = known.driver_number
    group by missing.session_key, missing.driver_number, missing.lap_number
),

in_order as (
    select
        *,
        row_number() over (partition by session_key, lap_number order by crossed_s, driver_number) as order_of_known,
        min(crossed_s) over (partition by session_key, lap_number) as first_crossed_s
    from crossings
)

select
    in_order.session_key,
    in_order.driver_number,
    in_order.lap_number,
    case
        when
            count(
                case
                    when
                        coalesce(bounded.latest_s > in_order.crossed_s, true)
                        and coalesce(bounded.earliest_s < in_order.crossed_s, true)
                        then bounded.driver_number
                end
            ) = 0
            then
                max(in_order.order_of_known)
                + count(case when bounded.latest_s <= in_order.crossed_s then bounded.driver_number end)
    end as line_position,
    case
        when
            count(
                case
                    when coalesce(bounded.earliest_s < in_order.first_crossed_s, true) then bounded.driver_number
                end
            ) = 0
            then round(max(in_order.crossed_s - in_order.first_crossed_s), 3)
    end as line_gap_s,
    changed.built_from
from in_order
inner join changed on in_order.session_key = changed.session_key
left join bounded
    on in_order.session_key = bounded.session_key and in_order.lap_number = bounded.lap_number
group by in_order.session_key, in_order.driver_number, in_order.lap_number, changed.built_from
