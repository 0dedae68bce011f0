{#-
One row per driver and measurement, about every 4 s of a race.
-#}
{%- set columns = [
    'session_key',
    'meeting_key',
    'driver_number',
    'date',
    'gap_to_leader',
    'interval',
    'season'
] -%}

with source_rows as (
    select
        {{ bounded_integer('session_key') }} as session_key,
        {{ bounded_integer('meeting_key') }} as meeting_key,
        {{ bounded_integer('driver_number') }} as driver_number,
        {{ bounded_timestamp('date') }} as date,
        gap_to_leader,
        interval,
        _season as season,
        _pull_id as pull_id,
        {{ utc('_ingested_at') }} as pulled_at
    from {{ source('bronze', 'intervals') }}
    where
        {{ is_current_pull('intervals') }}
),

one_row as (
    {{ deduplicate(
        'source_rows',
        key=['session_key', 'driver_number', 'date'],
        columns=columns
    ) | indent(4) }}
)

select
    session_key,
    meeting_key,
    driver_number,
    date,
    {{ json_number('gap_to_leader') }} as gap_to_leader_s,
    {{ json_number('interval') }} as interval_s,
    {{ json_laps_down('gap_to_leader') }} as laps_down,
    {{ json_laps_down('interval') }} as interval_laps,
    season,
    pull_id,
    pulled_at,
    source_rows,
    source_variants
from one_row
