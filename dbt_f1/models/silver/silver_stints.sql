{#-
One row per driver and stint. The source lets stints overlap and end before they start; the repair:

1. A lap belongs to one stint, the earlier one: the lap that two stints share is the in-lap, on the old tyres (180 of
   180 such laps of the races of 2024 and 2025 have a pit stop). So a stint starts after the last end before it.
2. A stint that ends before it starts, as served or after 1, has no lap: its bounds are null and it stays in the table.

What was served stands in `source_lap_start` and `source_lap_end`.
-#}
with served as (
    {{ silver_source(
        'stints',
        key=['session_key', 'driver_number', 'stint_number'],
        columns={
            'session_key': 'integer', 'meeting_key': 'integer', 'driver_number': 'integer', 'stint_number': 'integer',
            'source_lap_start': bounded_integer('lap_start'), 'source_lap_end': bounded_integer('lap_end'),
            'compound': 'text', 'tyre_age_at_start': 'integer',
        }
    ) | indent(4) }}
),

ends as (
    select
        *,
        max(case when source_lap_end >= source_lap_start then source_lap_end end) over (
            partition by session_key, driver_number order by stint_number
            rows between unbounded preceding and 1 preceding
        ) as last_end_before
    from served
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
    {{ silver_metadata() }}
from repaired
