{#-
One row per exchange of position.
-#}
{%- set columns = [
    'session_key',
    'meeting_key',
    'overtaking_driver_number',
    'overtaken_driver_number',
    'date',
    'position',
    'season'
] -%}

with source_rows as (
    select
        {{ whole('session_key') }} as session_key,
        {{ whole('meeting_key') }} as meeting_key,
        {{ whole('overtaking_driver_number') }} as overtaking_driver_number,
        {{ whole('overtaken_driver_number') }} as overtaken_driver_number,
        {{ moment('date') }} as date,
        {{ whole('position') }} as position,
        _season as season,
        _pull_id as pull_id,
        {{ utc('_ingested_at') }} as pulled_at
    from {{ source('bronze', 'overtakes') }}
    where
        {{ is_truth('overtakes') }}
),

one_row as (
    {{ keep_one(
        'source_rows',
        key=['session_key', 'date', 'overtaking_driver_number', 'overtaken_driver_number'],
        columns=columns
    ) | indent(4) }}
)

select
    session_key,
    meeting_key,
    date,
    overtaking_driver_number,
    overtaken_driver_number,
    position,
    season,
    pull_id,
    pulled_at,
    source_rows,
    source_variants
from one_row
