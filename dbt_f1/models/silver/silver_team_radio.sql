{#-
One row per recording. The time may be null, so the grain is the key made of the natural one.
-#}
{%- set columns = [
    'session_key',
    'meeting_key',
    'driver_number',
    'date',
    'recording_url',
    'season'
] -%}

with source_rows as (
    select
        {{ bounded_integer('session_key') }} as session_key,
        {{ bounded_integer('meeting_key') }} as meeting_key,
        {{ bounded_integer('driver_number') }} as driver_number,
        {{ bounded_timestamp('date') }} as date,
        recording_url,
        _season as season,
        _pull_id as pull_id,
        {{ utc('_ingested_at') }} as pulled_at
    from {{ source('bronze', 'team_radio') }}
    where
        {{ is_current_pull('team_radio') }}
),

one_row as (
    {{ deduplicate(
        'source_rows',
        key=['session_key', 'driver_number', 'date', 'recording_url'],
        columns=columns,
        nullable=['date', 'recording_url']
    ) | indent(4) }}
)

select
    {{ surrogate_key(['session_key', 'driver_number', 'date', 'recording_url']) | indent(4) }} as team_radio_key,
    session_key,
    meeting_key,
    driver_number,
    date,
    recording_url,
    season,
    pull_id,
    pulled_at,
    source_rows,
    source_variants
from one_row
