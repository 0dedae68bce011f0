{#-
One row per driver and lap. `is_valid_lap` is what the row alone says: every rank, best and average takes the flag of the same
name of fact_laps, which also knows stops, stints, red flags and deletions. A lap without a start time stays: the first lap
of a race often has none.
-#}
{%- set columns = [
    'session_key',
    'meeting_key',
    'driver_number',
    'lap_number',
    'date_start',
    'duration_sector_1',
    'duration_sector_2',
    'duration_sector_3',
    'lap_duration',
    'intermediate_1_speed',
    'intermediate_2_speed',
    'speed_trap_speed',
    'is_pit_out_lap',
    'segments_sector_1',
    'segments_sector_2',
    'segments_sector_3',
    'season'
] -%}

with source_rows as (
    select
        {{ bounded_integer('session_key') }} as session_key,
        {{ bounded_integer('meeting_key') }} as meeting_key,
        {{ bounded_integer('driver_number') }} as driver_number,
        {{ bounded_integer('lap_number') }} as lap_number,
        {{ bounded_timestamp('date_start') }} as date_start,
        {{ bounded_number('duration_sector_1') }} as duration_sector_1,
        {{ bounded_number('duration_sector_2') }} as duration_sector_2,
        {{ bounded_number('duration_sector_3') }} as duration_sector_3,
        {{ bounded_number('lap_duration') }} as lap_duration,
        {{ bounded_integer('i1_speed') }} as intermediate_1_speed,
        {{ bounded_integer('i2_speed') }} as intermediate_2_speed,
        {{ bounded_integer('st_speed') }} as speed_trap_speed,
        is_pit_out_lap,
        segments_sector_1,
        segments_sector_2,
        segments_sector_3,
        _season as season,
        _pull_id as pull_id,
        {{ utc('_ingested_at') }} as pulled_at
    from {{ source('bronze', 'laps') }}
    where
        {{ is_current_pull('laps') }}
),

one_row as (
    {{ deduplicate(
        'source_rows',
        key=['session_key', 'driver_number', 'lap_number'],
        columns=columns,
        prefer="case when lap_duration is null then 1 else 0 end"
    ) | indent(4) }}
),

measured as (
    select
        session_key,
        meeting_key,
        driver_number,
        lap_number,
        date_start,
        lap_duration,
        duration_sector_1,
        duration_sector_2,
        duration_sector_3,
        -- null when one is missing: a sum of two sectors is no lap
        round(duration_sector_1 + duration_sector_2 + duration_sector_3, 3) as calculated_lap_duration,
        intermediate_1_speed,
        intermediate_2_speed,
        speed_trap_speed,
        {{ greatest_non_null(['intermediate_1_speed', 'intermediate_2_speed', 'speed_trap_speed']) }} as max_speed,
        coalesce(is_pit_out_lap, false) as is_pit_out_lap,
        segments_sector_1,
        segments_sector_2,
        segments_sector_3,
        season,
        pull_id,
        pulled_at,
        source_rows,
        source_variants
    from one_row
),

judged as (
    select
        *,
        -- Too short for a lap, or the time of one or two sectors. A complete lap with a missing sector stays a lap: 252 of
        -- the recorded race laps are such, two of them official fastest laps.
        coalesce(
            lap_duration < {{ var('min_valid_lap_s') }}
            {%- for sectors in [
                'duration_sector_1', 'duration_sector_2', 'duration_sector_3',
                'duration_sector_1 + duration_sector_2', 'duration_sector_1 + duration_sector_3',
                'duration_sector_2 + duration_sector_3'
            ] %}
            or abs(lap_duration - ({{ sectors }})) < 0.0025
            {%- endfor %},
            false
        ) as is_impossible_time
    from measured
)

select
    session_key,
    meeting_key,
    driver_number,
    lap_number,
    date_start,
    lap_duration,
    duration_sector_1,
    duration_sector_2,
    duration_sector_3,
    calculated_lap_duration,
    round(lap_duration - calculated_lap_duration, 3) as sector_duration_delta,
    case
        when calculated_lap_duration is not null then 'Complete'
        when coalesce(duration_sector_1, duration_sector_2, duration_sector_3) is not null then 'Partial'
        else 'No Sectors'
    end as sector_completeness,
    intermediate_1_speed,
    intermediate_2_speed,
    speed_trap_speed,
    max_speed,
    is_pit_out_lap,
    is_impossible_time,
    coalesce(lap_duration <= {{ var('max_valid_lap_s') }} and not is_impossible_time and not is_pit_out_lap, false)
        as is_valid_lap,
    segments_sector_1,
    segments_sector_2,
    segments_sector_3,
    season,
    pull_id,
    pulled_at,
    source_rows,
    source_variants
from judged
