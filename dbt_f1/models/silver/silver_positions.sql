{#-
One row per change of a driver's position.
-#}
{%- set columns = [
    'session_key',
    'meeting_key',
    'driver_number',
    'date',
    'position',
    'season'
] -%}

with source_rows as (
    select
        {{ bounded_integer('session_key') }} as session_key,
        {{ bounded_integer('meeting_key') }} as meeting_key,
        {{ bounded_integer('driver_number') }} as driver_number,
        {{ bounded_timestamp('date') }} as date,
        {{ bounded_integer('position') }} as position,
        _season as season,
        _pull_id as pull_id,
        {{ utc('_ingested_at') }} as pulled_at
    from {{ source('bronze', 'position') }}
    where
        {{ is_current_pull('position') }}
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
    position,
    season,
    pull_id,
    pulled_at,
    source_rows,
    source_variants
from one_row
