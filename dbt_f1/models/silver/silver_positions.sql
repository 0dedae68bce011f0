{#-
One row a change of a driver's position.
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
        cast(session_key as integer) as session_key,
        cast(meeting_key as integer) as meeting_key,
        cast(driver_number as integer) as driver_number,
        {{ utc('date') }} as date,
        cast(position as integer) as position,
        _season as season,
        _pull_id as pull_id,
        {{ utc('_ingested_at') }} as pulled_at
    from {{ source('bronze', 'position') }}
    where
        {{ is_truth('position') }}
),

one_row as (
    {{ keep_one(
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
