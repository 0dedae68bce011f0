{#-
When each lap starts and ends, and whether it is a lap of the race: one row per driver and lap of silver_laps. A start that the
source does not serve, or serves wrongly, is derived from the adjacent laps. Not published.

Incremental by session: the windows below need all laps of a session together. Laps after the chequered flag of a race are
flagged and stay out of the chain of the race's laps. `built_from` also covers the inputs that int_lap_validity and
int_line_crossings read of the session, so that they depend on this model only (gmt_offset is used for the deletions).
-#}
with changed as (
    {{ changed_sessions([
        ref('silver_laps'),
        ref('silver_race_control'),
        ref('silver_pit_stops'),
        ref('silver_stints'),
        ref('silver_session_results'),
        "(select session_key, concat_ws(' ', session_category, cast(date_start as " ~ dbt.type_string()
        ~ "), gmt_offset) as pull_id from " ~ ref('silver_sessions') ~ ') as calendar'
    ]) }}
),

served as (
    select
        laps.session_key,
        laps.driver_number,
        laps.lap_number,
        laps.date_start,
        laps.lap_duration,
        laps.is_impossible_time,
        changed.built_from,
        coalesce(sessions.session_category in ('Race', 'Sprint'), false) as is_in_race,
        coalesce(laps.is_pit_out_lap, false) or coalesce(pit_laps.is_out_lap, false) as is_out_lap,
        limits.race_started_at,
        limits.first_red_flag_at,
        limits.last_red_flag_at,
        limits.race_laps,
        limits.chequered_flag_at,
        -- a duration that no clock could add to a time is not used for times
        case when laps.lap_duration between 0 and 86400 then laps.lap_duration end as sane_duration
    from {{ ref('silver_laps') }} as laps
    inner join changed on laps.session_key = changed.session_key
    left join {{ ref('silver_sessions') }} as sessions on laps.session_key = sessions.session_key
    left join {{ ref('int_race_limits') }} as limits on laps.session_key = limits.session_key
    left join {{ ref('int_pit_laps') }} as pit_laps
        on
            laps.session_key = pit_laps.session_key
            and laps.driver_number = pit_laps.driver_number
            and laps.lap_number = pit_laps.lap_number
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
)

select
    session_key,
    driver_number,
    lap_number,
    is_in_race,
    is_out_lap,
    is_after_chequered_flag,
    follows_previous,
    precedes_next,
    next_is_out_lap,
    is_start_believed,
    believed_start,
    has_impossible_time,
    driven_s,
    race_laps,
    lap_end_at,
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
    -- a lap into the garage without a time, often one that a red flag stopped: it ends before the car leaves again
    coalesce(
        lap_end_at,
        case
            when precedes_next then least(next_start, {{ add_seconds('believed_start', var('max_valid_lap_s')) }})
        end
    ) as over_by,
    built_from
from ended
