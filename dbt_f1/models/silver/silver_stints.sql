{#-
One row per driver and stint. The source lets stints overlap and end before they start; the repair:

1. A lap belongs to one stint, the earlier one: the lap that two stints share is the in-lap, on the old tyres (180 of
   180 such laps of the races of 2024 and 2025 have a pit stop). So a stint starts after the last end before it.
2. A stint that ends before it starts, as served or after 1, has no lap: its bounds are null and it stays in the table.

What was served stands in `source_lap_start` and `source_lap_end`.
-#}
{%- set columns = [
    'session_key',
    'meeting_key',
    'driver_number',
    'stint_number',
    'source_lap_start',
    'source_lap_end',
    'compound',
    'tyre_age_at_start',
    'season'
] -%}

with source_rows as (
    select
        {{ bounded_integer('session_key') }} as session_key,
        {{ bounded_integer('meeting_key') }} as meeting_key,
        {{ bounded_integer('driver_number') }} as driver_number,
        {{ bounded_integer('stint_number') }} as stint_number,
        {{ bounded_integer('lap_start') }} as source_lap_start,
        {{ bounded_integer('lap_end') }} as source_lap_end,
        compound,
        {{ bounded_integer('tyre_age_at_start') }} as tyre_age_at_start,
        _season as season,
        _pull_id as pull_id,
        {{ utc('_ingested_at') }} as pulled_at
    from {{ source('bronze', 'stints') }}
    where
        {{ is_current_pull('stints') }}
),

one_row as (
    {{ deduplicate(
        'source_rows',
        key=['session_key', 'driver_number', 'stint_number'],
        columns=columns
    ) | indent(4) }}
),

ends as (
    select
        *,
        max(case when source_lap_end >= source_lap_start then source_lap_end end) over (
            partition by session_key, driver_number order by stint_number
            rows between unbounded preceding and 1 preceding
        ) as last_end_before
    from one_row
),

starts as (
    select
        *,
        case
            when last_end_before >= source_lap_start then last_end_before + 1
            else source_lap_start
        end as repaired_start
    from ends
),

repaired as (
    select
        *,
        coalesce(source_lap_end >= source_lap_start and source_lap_end >= repaired_start, false) as has_laps
    from starts
)

select
    session_key,
    meeting_key,
    driver_number,
    stint_number,
    case when has_laps then repaired_start end as lap_start,
    case when has_laps then source_lap_end end as lap_end,
    case when has_laps then source_lap_end - repaired_start + 1 else 0 end as stint_laps,
    coalesce(compound, 'UNKNOWN') as compound,
    tyre_age_at_start,
    source_lap_start,
    source_lap_end,
    source_lap_start is not null and source_lap_end is not null
    and (not has_laps or repaired_start <> source_lap_start) as is_repaired,
    season,
    pull_id,
    pulled_at,
    source_rows,
    source_variants
from repaired
