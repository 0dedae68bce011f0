{#-
One row per driver and lap, with what was going on around it: all of fact_laps that follows from its session alone. Not
published.

Incremental by session: the windows and as-of joins below hold all laps that they are given at once. Names and teams are
left to fact_laps; they may change without a pull of the session.

This is where a lap finally becomes valid: silver_laps judges the row alone, here stops, stints, red flags and deletions are
known too. Ranks and bests look at valid laps only; other laps have null there. No lap is dropped because it has no time:
the first lap of a race often has none. Laps after the chequered flag of a race stay here, flagged, and reach no other model.
-#}
with changed as (
    {{ changed_sessions([
        ref('silver_laps'),
        ref('silver_positions'),
        ref('silver_intervals'),
        ref('silver_weather'),
        ref('silver_race_control'),
        ref('silver_pit_stops'),
        ref('silver_stints'),
        ref('silver_session_results'),
        "(select session_key, concat_ws(' ', session_category, cast(date_start as " ~ dbt.type_string()
        ~ "), gmt_offset) as pull_id from " ~ ref('silver_sessions') ~ ') as calendar'
    ]) }}
),

sessions as (
    select
        session_key,
        session_category,
        date_start,
        coalesce(session_category in ('Race', 'Sprint'), false) as is_in_race
    from {{ ref('silver_sessions') }}
    where session_key in (select session_key from changed)
),

messages as (
    select session_key, date, category, flag, message
    from {{ ref('silver_race_control') }}
    where date is not null and session_key in (select session_key from changed)
),

results as (
    select session_key, driver_number, number_of_laps
    from {{ ref('silver_session_results') }}
    where session_key in (select session_key from changed)
),

positions as (
    select session_key, driver_number, date, position
    from {{ ref('silver_positions') }}
    where session_key in (select session_key from changed)
),

intervals as (
    select session_key, driver_number, date, gap_to_leader_s
    from {{ ref('silver_intervals') }}
    where session_key in (select session_key from changed)
),

weather as (
    select session_key, date, air_temperature, track_temperature, is_raining
    from {{ ref('silver_weather') }}
    where session_key in (select session_key from changed)
),

deleted_laps as (
    select session_key, driver_number, lap_number, max(deletion_reason) as deletion_reason
    from {{ ref('int_deleted_laps') }}
    where session_key in (select session_key from changed)
    group by session_key, driver_number, lap_number
),

-- The pit exit opens within a second of the start (in all recorded races and sprints); before the scheduled time it opens for
-- the laps to the grid. Without that message the scheduled time has to do.
race_starts as (
    select
        sessions.session_key,
        coalesce(
            min(case when messages.message like '%PIT EXIT OPEN%' then messages.date end),
            min(
                case
                    when messages.category = 'SessionStatus' and messages.message like '%STARTED%' then messages.date
                end
            ),
            max(sessions.date_start)
        ) as race_started_at
    from sessions
    left join messages
        on
            sessions.session_key = messages.session_key
            and (sessions.date_start is null or messages.date >= sessions.date_start)
    where sessions.is_in_race
    group by sessions.session_key
),

first_red_flags as (
    select race_starts.session_key, min(messages.date) as first_red_flag_at, max(messages.date) as last_red_flag_at
    from race_starts
    inner join messages
        on
            race_starts.session_key = messages.session_key
            and race_starts.race_started_at < messages.date
            and messages.flag = 'RED'
    group by race_starts.session_key
),

race_lengths as (
    select results.session_key, max(results.number_of_laps) as race_laps
    from results
    inner join sessions on results.session_key = sessions.session_key
    where sessions.is_in_race
    group by results.session_key
),

chequered_flags as (
    select session_key, min(date) as chequered_flag_at from messages where flag = 'CHEQUERED' group by session_key
),

-- The lap into the pits, of every stop.
in_laps as (
    select distinct
        stops.session_key,
        stops.driver_number,
        {{ in_lap_of_stop('sessions.session_category', 'stops.lap_number') }} as lap_number
    from {{ ref('silver_pit_stops') }} as stops
    left join sessions on stops.session_key = sessions.session_key
    where stops.session_key in (select session_key from changed)
),

-- a stint after one of a single lap on the same compound is no stop (the one start of 1,699 that is none)
stint_starts as (
    select distinct session_key, driver_number, lap_start as lap_number
    from (
        select
            session_key,
            driver_number,
            lap_start,
            compound,
            lag(stint_laps) over stints_of_driver as previous_stint_laps,
            lag(compound) over stints_of_driver as previous_compound
        from {{ ref('silver_stints') }}
        where lap_start is not null and session_key in (select session_key from changed)
        window stints_of_driver as (partition by session_key, driver_number order by stint_number)
    ) as stints
    where lap_start > 1 and not coalesce(previous_stint_laps = 1 and previous_compound = compound, false)
),

served as (
    select
        laps.*,
        changed.built_from,
        coalesce(sessions.is_in_race, false) as is_in_race,
        coalesce(laps.is_pit_out_lap, false)
        or stops_before.lap_number is not null
        or stint_starts.lap_number is not null as is_out_lap,
        race_starts.race_started_at,
        first_red_flags.first_red_flag_at,
        first_red_flags.last_red_flag_at,
        race_lengths.race_laps,
        chequered_flags.chequered_flag_at,
        -- a duration that no clock could add to a time is not used for times
        case when laps.lap_duration between 0 and 86400 then laps.lap_duration end as sane_duration
    from {{ ref('silver_laps') }} as laps
    inner join changed on laps.session_key = changed.session_key
    left join sessions on laps.session_key = sessions.session_key
    left join in_laps as stops_before
        on
            laps.session_key = stops_before.session_key
            and laps.driver_number = stops_before.driver_number
            and laps.lap_number = stops_before.lap_number + 1
    left join stint_starts
        on
            laps.session_key = stint_starts.session_key
            and laps.driver_number = stint_starts.driver_number
            and laps.lap_number = stint_starts.lap_number
    left join race_starts on laps.session_key = race_starts.session_key
    left join first_red_flags on laps.session_key = first_red_flags.session_key
    left join race_lengths on laps.session_key = race_lengths.session_key
    left join chequered_flags on laps.session_key = chequered_flags.session_key
),

-- The winner's finish: the end of the last lap of the result, but not long before the flag was shown (up to 3.6 s late in
-- the recorded races); a race that was counted back ended later than its result, with the red flag where no chequered flag
-- was shown.
finished as (
    select
        *,
        case
            when chequered_flag_at is null
                then case when last_lap_end_at is not null then greatest(last_lap_end_at, last_red_flag_at) end
            else greatest(last_lap_end_at, {{ add_seconds('chequered_flag_at', '-5') }})
        end as race_finished_at
    from (
        select
            *,
            min(case when lap_number = race_laps then {{ add_seconds('date_start', 'sane_duration') }} end) over (
                partition by session_key
            ) as last_lap_end_at
        from served
    ) as ends_of_last_laps
),

flagged as (
    select
        *,
        coalesce(
            is_in_race
            and (
                (
                    lap_duration is null
                    and coalesce(date_start > {{ add_seconds('race_finished_at', '-1') }}, lap_number > race_laps)
                )
                or (
                    chequered_flag_at is not null
                    and date_start > {{ add_seconds('race_finished_at', '1') }}
                )
                or (lap_number > race_laps and date_start > {{ add_seconds('chequered_flag_at', '-5') }})
            ),
            false
        ) as is_after_chequered_flag
    from finished
),

laps as (
    select
        *,
        lag(lap_number) over driver_laps = lap_number - 1 as follows_previous,
        lead(lap_number) over driver_laps = lap_number + 1 as precedes_next,
        lag(is_out_lap) over driver_laps as previous_is_out_lap,
        lead(is_out_lap) over driver_laps as next_is_out_lap,
        lead(date_start) over driver_laps as next_start
    from flagged
    window driver_laps as (partition by session_key, driver_number, is_after_chequered_flag order by lap_number)
),

-- After a red flag the source may serve the restart as the start of lap 1: later than lap 2's, or after the flag.
judged as (
    select
        *,
        not coalesce(
            is_in_race
            and lap_number = 1
            and ((precedes_next and date_start > next_start) or date_start > first_red_flag_at),
            false
        ) as is_start_believed
    from laps
),

-- a time from a start that is not believed to lap 2's start is inferred by the source, and no lap time
inferred as (
    select
        *,
        case when is_start_believed then date_start end as believed_start,
        coalesce(
            not is_start_believed
            and precedes_next
            and abs(lap_duration - {{ seconds_between('date_start', 'next_start') }}) <= 0.5,
            false
        ) as is_inferred_time
    from judged
),

durations as (
    select
        *,
        coalesce(is_impossible_time, false) or is_inferred_time as has_impossible_time,
        case when not (coalesce(is_impossible_time, false) or is_inferred_time) then sane_duration end as driven_s,
        -- in practice and qualifying the next lap starts when the car leaves the garage
        precedes_next and (is_in_race or not coalesce(next_is_out_lap, false)) as ends_at_next_start,
        min(case when lap_number = 1 then believed_start end) over (partition by session_key) as first_start
    from inferred
),

-- Where starts are not served, times follow from the last one that is, plus the laps driven since.
chained as (
    select
        *,
        sum(begins_chain) over (
            partition by session_key, driver_number, is_after_chequered_flag order by lap_number
            rows between unbounded preceding and current row
        ) as chain
    from (
        select
            *,
            case
                when
                    believed_start is null
                    and follows_previous
                    and lag(driven_s) over driver_laps is not null
                    and (is_in_race or not lag(is_out_lap) over driver_laps)
                    then 0
                else 1
            end as begins_chain
        from durations
        window driver_laps as (partition by session_key, driver_number, is_after_chequered_flag order by lap_number)
    ) as links
),

own_ends as (
    select
        *,
        case
            when is_in_race or not is_out_lap
                then {{ add_seconds(
                    'max(believed_start) over laps_of_chain',
                    'case when driven_s is not null then sum(driven_s) over laps_so_far end'
                ) }}
        end as own_end
    from chained
    window
        laps_of_chain as (partition by session_key, driver_number, is_after_chequered_flag, chain),
        laps_so_far as (
            partition by session_key, driver_number, is_after_chequered_flag, chain order by lap_number
            rows between unbounded preceding and current row
        )
),

with_previous as (
    select
        *,
        case when follows_previous then lag(own_end) over driver_laps end as previous_end
    from own_ends
    window driver_laps as (partition by session_key, driver_number, is_after_chequered_flag order by lap_number)
),

-- A lap ends after its own time. An out-lap of practice and qualifying is mostly timed from the line before, with the time in
-- the garage, so that its end is the next start. Where the car comes straight in again, it is the end of the lap before plus
-- its time, or, where that is before it started, its start plus its time.
ended as (
    select
        *,
        case
            when not is_start_believed then case when precedes_next then next_start end
            when is_out_lap
                then coalesce(
                    case when ends_at_next_start then next_start end,
                    case
                        when not is_in_race and {{ add_seconds('previous_end', 'driven_s') }} > believed_start
                            then {{ add_seconds('previous_end', 'driven_s') }}
                    end,
                    case
                        when
                            is_in_race
                            or (
                                driven_s <= {{ var('max_valid_lap_s') }}
                                and coalesce({{ add_seconds('believed_start', 'driven_s') }} <= next_start, true)
                            )
                            then {{ add_seconds('believed_start', 'driven_s') }}
                    end
                )
            else coalesce(
                {{ add_seconds('believed_start', 'driven_s') }},
                case when ends_at_next_start then next_start end,
                {{ add_seconds('previous_end', 'driven_s') }},
                {{ add_seconds('believed_start', 'sane_duration') }}
            )
        end as lap_end_at
    from with_previous
),

timed as (
    select
        *,
        coalesce(
            believed_start,
            case
                when is_in_race and lap_number = 1
                    then coalesce(
                        {{ add_seconds('lap_end_at', '-driven_s') }},
                        first_start,
                        case when coalesce(race_started_at < lap_end_at, true) then race_started_at end
                    )
                when is_in_race or not is_out_lap
                    then coalesce(
                        previous_end,
                        case when precedes_next then {{ add_seconds('next_start', '-driven_s') }} end
                    )
            end
        ) as lap_start_at,
        -- a lap into the garage without a time, often one that a red flag stopped: it is over before the car leaves again
        coalesce(
            lap_end_at,
            case
                when precedes_next then least(next_start, {{ add_seconds('believed_start', var('max_valid_lap_s')) }})
            end
        ) as over_by,
        -- positions and gaps of a crossing are served up to a second after it
        {{ add_seconds('lap_end_at', var('line_message_delay_s')) }} as line_messages_until
    from ended
),

-- Served starts are off by up to 0.5 s and more, lap times are exact: within a run of timed laps all starts, each less the
-- laps driven up to it, tell the same moment, and their median is right to 0.05 s (against the official gaps of 519 finishes).
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

-- the end of a lap as the lap itself tells it, and as the start of the next one does, whose own row may be missing
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
        select session_key, driver_number, lap_number - 1 as laps_done from flagged where is_in_race
        union all
        select results.session_key, results.driver_number, results.number_of_laps
        from results
        inner join race_lengths on results.session_key = race_lengths.session_key
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
),

over_the_line as (
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
        end as line_gap_s
    from in_order
    left join bounded
        on in_order.session_key = bounded.session_key and in_order.lap_number = bounded.lap_number
    group by in_order.session_key, in_order.driver_number, in_order.lap_number
),

with_position as (
    {{ asof_join(
        'timed', 'positions', ['session_key', 'driver_number'], 'line_messages_until', 'date',
        {'position': 'served_position'}
    ) | indent(4) }}
),

with_gap as (
    {{ asof_join(
        'with_position', 'intervals', ['session_key', 'driver_number'], 'line_messages_until', 'date',
        {'gap_to_leader_s': 'last_gap_to_leader_s', 'date': 'gap_served_at'}
    ) | indent(4) }}
),

with_weather as (
    {{ asof_join(
        'with_gap', 'weather', ['session_key'], 'lap_end_at', 'date',
        {
            'air_temperature': 'last_air_temperature', 'track_temperature': 'last_track_temperature',
            'is_raining': 'last_is_raining', 'date': 'weather_served_at'
        }
    ) | indent(4) }}
),

lap_lengths as (
    select session_key, median(driven_s) as median_lap_s
    from timed
    where driven_s <= {{ var('max_valid_lap_s') }}
    group by session_key
),

-- Of a lap without a known end only this is known: what there was when it began, and the red flag that stopped it, which came
-- before the lap could be over.
gravest as (
    select timed.session_key, timed.driver_number, timed.lap_number, max(track.gravity) as gravity
    from timed
    left join lap_lengths on timed.session_key = lap_lengths.session_key
    inner join {{ ref('int_track_status') }} as track
        on
            timed.session_key = track.session_key
            and track.started_at < coalesce(
                timed.over_by,
                case
                    when track.gravity = 4
                        then {{ add_seconds('timed.lap_start_at', var('max_ratio_of_open_lap') ~ ' * lap_lengths.median_lap_s') }}
                end,
                timed.lap_start_at
            )
            and (track.ended_at is null or track.ended_at > coalesce(timed.lap_start_at, timed.over_by))
    group by timed.session_key, timed.driver_number, timed.lap_number
),

controlled_sessions as (
    select distinct session_key from {{ ref('silver_race_control') }}
),

joined as (
    select
        laps.*,
        {{ seconds_between('laps.gap_served_at', 'laps.lap_end_at') }} <= {{ var('max_gap_age_s') }} as has_gap,
        {{ seconds_between('laps.weather_served_at', 'laps.lap_end_at') }} <= {{ var('max_weather_age_s') }} as has_weather,
        stints.stint_number,
        stints.compound,
        stints.tyre_age_at_start + laps.lap_number - stints.lap_start as tyre_age_laps,
        in_laps.lap_number is not null or coalesce(laps.next_is_out_lap and laps.precedes_next, false) as is_pit_in_lap,
        deleted_laps.lap_number is not null as is_deleted,
        deleted_laps.deletion_reason,
        coalesce(laps.is_valid_lap, false)
        and not laps.has_impossible_time
        and not laps.is_out_lap
        and not laps.is_after_chequered_flag as is_timed_lap,
        case
            -- the flag that its start was taken from stopped the car on this lap
            when not laps.is_start_believed and laps.over_by is null then 'Red'
            when controlled_sessions.session_key is null then null
            when gravest.gravity = 4 then 'Red'
            when gravest.gravity = 3 then 'SC'
            when gravest.gravity = 2 then 'VSC'
            when gravest.gravity = 1 then 'Yellow'
            when laps.over_by is not null then 'Green'
        end as track_status,
        over_the_line.line_position,
        over_the_line.line_gap_s
    from with_weather as laps
    left join {{ ref('silver_stints') }} as stints
        on
            laps.session_key = stints.session_key
            and laps.driver_number = stints.driver_number
            and laps.lap_number between stints.lap_start and stints.lap_end
    left join in_laps
        on
            laps.session_key = in_laps.session_key
            and laps.driver_number = in_laps.driver_number
            and laps.lap_number = in_laps.lap_number
    left join deleted_laps
        on
            laps.session_key = deleted_laps.session_key
            and laps.driver_number = deleted_laps.driver_number
            and laps.lap_number = deleted_laps.lap_number
    left join over_the_line
        on
            laps.session_key = over_the_line.session_key
            and laps.driver_number = over_the_line.driver_number
            and laps.lap_number = over_the_line.lap_number
    left join gravest
        on
            laps.session_key = gravest.session_key
            and laps.driver_number = gravest.driver_number
            and laps.lap_number = gravest.lap_number
    left join controlled_sessions
        on laps.session_key = controlled_sessions.session_key
),

valid as (
    select *, is_timed_lap and not is_deleted as is_final_valid_lap from joined
),

ranked as (
    select
        *,
        -- over the valid laps alone: the flag is part of the partition, and its other half is not shown
        row_number() over (
            partition by session_key, driver_number, is_final_valid_lap order by lap_duration, lap_number
        ) as rank_of_driver,
        rank() over (partition by session_key, is_final_valid_lap order by lap_duration) as rank_of_session,
        min(case when is_final_valid_lap then lap_duration end) over (
            partition by session_key, driver_number
        ) as driver_best_lap_time
    from valid
),

-- A lap that was driven from line to line on a free track; a session without race control counts as green. A lap that is
-- deleted in a race counts in no ranking, but its time stays in the race time: it tells the pace.
green as (
    select
        *,
        is_timed_lap
        and (is_in_race or not is_deleted)
        and not is_pit_in_lap
        and not (is_in_race and lap_number = 1)
        and coalesce(track_status, 'Green') = 'Green' as is_green_lap
    from ranked
),

stint_pace as (
    select session_key, driver_number, coalesce(stint_number, 0) as stint_number, median(lap_duration) as median_lap
    from green
    where is_green_lap
    group by session_key, driver_number, coalesce(stint_number, 0)
)

select
    green.session_key,
    meeting_key,
    season,
    green.driver_number,
    lap_number,
    date_start,
    lap_start_at,
    lap_end_at,
    lap_duration,
    duration_sector_1,
    duration_sector_2,
    duration_sector_3,
    calculated_lap_duration,
    sector_duration_delta,
    sector_completeness,
    intermediate_1_speed,
    intermediate_2_speed,
    speed_trap_speed,
    max_speed,
    is_final_valid_lap as is_valid_lap,
    has_impossible_time as is_impossible_time,
    is_deleted,
    deletion_reason,
    is_after_chequered_flag,
    is_out_lap as is_pit_out_lap,
    is_pit_in_lap,
    cast(case when is_final_valid_lap then rank_of_driver end as integer) as driver_lap_rank,
    cast(case when is_final_valid_lap then rank_of_session end as integer) as session_lap_time_rank,
    driver_best_lap_time,
    case when is_final_valid_lap then round(lap_duration - driver_best_lap_time, 3) end as delta_to_personal_best,
    is_final_valid_lap and rank_of_driver = 1 as is_personal_best_lap,
    green.stint_number,
    compound,
    cast(tyre_age_laps as integer) as tyre_age_laps,
    cast(case when lap_end_at is not null then coalesce(line_position, served_position) end as integer)
        as position_at_lap_end,
    case when lap_end_at is not null then coalesce(line_gap_s, case when has_gap then last_gap_to_leader_s end) end
        as gap_to_leader_s,
    track_status,
    coalesce(is_green_lap and lap_duration <= {{ var('clean_lap_max_ratio') }} * median_lap, false) as is_clean_lap,
    case when has_weather then last_air_temperature end as air_temperature,
    case when has_weather then last_track_temperature end as track_temperature,
    case when has_weather then last_is_raining end as is_raining,
    pulled_at,
    built_from
from green
left join stint_pace
    on
        green.session_key = stint_pace.session_key
        and green.driver_number = stint_pace.driver_number
        and coalesce(green.stint_number, 0) = stint_pace.stint_number
