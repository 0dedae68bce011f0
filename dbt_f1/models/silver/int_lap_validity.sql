{#-
Where a lap becomes valid: one row per driver and lap of silver_laps. silver_laps judges the row alone; here stops, stints, red
flags, deletions and the end of the race are known too. Ranks and bests look at valid laps only. Not published.

A timed lap has a time that is possible for a complete lap and was driven from line to line. A valid lap is a timed lap that
race control did not delete. A green lap was also driven on a free track: with `track_status` Green, not into the pit lane, and
not from the grid.
-#}
with changed as (
    {{ changed_sessions([
        '(select session_key, built_from as pull_id from ' ~ ref('int_lap_times') ~ ') as lap_times'
    ]) }}
),

laps as (
    select
        times.*,
        silver_laps.is_valid_lap as is_valid_row
    from {{ ref('int_lap_times') }} as times
    inner join changed on times.session_key = changed.session_key
    inner join {{ ref('silver_laps') }} as silver_laps
        on
            times.session_key = silver_laps.session_key
            and times.driver_number = silver_laps.driver_number
            and times.lap_number = silver_laps.lap_number
),

deleted_laps as (
    select session_key, driver_number, lap_number, max(deletion_reason) as deletion_reason
    from {{ ref('int_deleted_laps') }}
    where session_key in (select session_key from changed)
    group by session_key, driver_number, lap_number
),

lap_lengths as (
    select session_key, median(driven_s) as median_lap_s
    from laps
    where driven_s <= {{ var('max_valid_lap_s') }}
    group by session_key
),

-- Of a lap without a known end only this is known: the status when it began, and the red flag that stopped it, which came
-- before the lap could be over.
gravest as (
    select laps.session_key, laps.driver_number, laps.lap_number, max(track.gravity) as gravity
    from laps
    left join lap_lengths on laps.session_key = lap_lengths.session_key
    inner join {{ ref('int_track_status') }} as track
        on
            laps.session_key = track.session_key
            and track.started_at < coalesce(
                laps.over_by,
                case
                    when track.gravity = 4
                        then {{ add_seconds(
                            'laps.lap_start_at', var('max_ratio_of_open_lap') ~ ' * lap_lengths.median_lap_s'
                        ) }}
                end,
                laps.lap_start_at
            )
            and (track.ended_at is null or track.ended_at > coalesce(laps.lap_start_at, laps.over_by))
    group by laps.session_key, laps.driver_number, laps.lap_number
),

controlled_sessions as (
    select distinct session_key from {{ ref('silver_race_control') }}
),

judged as (
    select
        laps.*,
        coalesce(pit_laps.is_in_lap, false) or coalesce(laps.next_is_out_lap and laps.precedes_next, false) as is_pit_in_lap,
        deleted_laps.lap_number is not null as is_deleted,
        deleted_laps.deletion_reason,
        coalesce(laps.is_valid_row, false)
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
        end as track_status
    from laps
    left join {{ ref('int_pit_laps') }} as pit_laps
        on
            laps.session_key = pit_laps.session_key
            and laps.driver_number = pit_laps.driver_number
            and laps.lap_number = pit_laps.lap_number
    left join deleted_laps
        on
            laps.session_key = deleted_laps.session_key
            and laps.driver_number = deleted_laps.driver_number
            and laps.lap_number = deleted_laps.lap_number
    left join gravest
        on
            laps.session_key = gravest.session_key
            and laps.driver_number = gravest.driver_number
            and laps.lap_number = gravest.lap_number
    left join controlled_sessions
        on laps.session_key = controlled_sessions.session_key
)

select
    session_key,
    driver_number,
    lap_number,
    is_pit_in_lap,
    is_deleted,
    deletion_reason,
    track_status,
    is_timed_lap and not is_deleted as is_valid_lap,
    -- a session without race control counts as green. A lap that is deleted in a race counts in no ranking, but its time stays
    -- in the race time: it tells the pace
    is_timed_lap
    and (is_in_race or not is_deleted)
    and not is_pit_in_lap
    and not (is_in_race and lap_number = 1)
    and coalesce(track_status, 'Green') = 'Green' as is_green_lap,
    built_from
from judged
