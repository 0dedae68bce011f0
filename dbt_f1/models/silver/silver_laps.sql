{#-
One row per driver and lap. `is_valid_lap` is decided from the row alone. Ranks, best laps and averages use the column of the same name of
fact_laps, which also accounts for stops, stints, red flags and deletions. Laps without a start time are kept: the first lap of a
race often has none. `calculated_lap_duration` is null if a sector is missing.
-#}
with measured as (
    {{ silver_source(
        'laps',
        key=['session_key', 'driver_number', 'lap_number'],
        columns={
            'session_key': 'integer', 'meeting_key': 'integer', 'driver_number': 'integer', 'lap_number': 'integer',
            'date_start': 'timestamp',
            'duration_sector_1': 'number', 'duration_sector_2': 'number', 'duration_sector_3': 'number', 'lap_duration': 'number',
            'intermediate_1_speed': bounded_integer('i1_speed'),
            'intermediate_2_speed': bounded_integer('i2_speed'),
            'speed_trap_speed': bounded_integer('st_speed'),
            'is_pit_out_lap': 'boolean',
            'segments_sector_1': 'text', 'segments_sector_2': 'text', 'segments_sector_3': 'text',
        },
        derived={
            'is_pit_out_lap': 'coalesce(is_pit_out_lap, false)',
            'calculated_lap_duration': 'round(duration_sector_1 + duration_sector_2 + duration_sector_3, 3)',
            'max_speed': greatest_non_null(['intermediate_1_speed', 'intermediate_2_speed', 'speed_trap_speed']),
        },
        prefer='case when lap_duration is null then 1 else 0 end'
    ) | indent(4) }}
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
    {{ silver_metadata() }}
from judged
