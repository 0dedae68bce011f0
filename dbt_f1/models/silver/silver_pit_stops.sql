{#-
One row per driver and lap on which he came in. Rows without a lap cannot be placed and stay in bronze. Older answers have
`pit_duration` only, which is the time in the pit lane under its former name.
-#}
{%- set columns = [
    'session_key',
    'meeting_key',
    'driver_number',
    'lap_number',
    'date',
    'lane_duration_s',
    'stop_duration_s',
    'season'
] -%}

with source_rows as (
    select
        {{ bounded_integer('session_key') }} as session_key,
        {{ bounded_integer('meeting_key') }} as meeting_key,
        {{ bounded_integer('driver_number') }} as driver_number,
        {{ bounded_integer('lap_number') }} as lap_number,
        {{ bounded_timestamp('date') }} as date,
        coalesce({{ bounded_number('lane_duration') }}, {{ bounded_number('pit_duration') }}) as lane_duration_s,
        {{ bounded_number('stop_duration') }} as stop_duration_s,
        _season as season,
        _pull_id as pull_id,
        {{ utc('_ingested_at') }} as pulled_at
    from {{ source('bronze', 'pit') }}
    where
        {{ is_current_pull('pit') }}
        and lap_number is not null
),

one_row as (
    {{ deduplicate(
        'source_rows',
        key=['session_key', 'driver_number', 'lap_number'],
        columns=columns
    ) | indent(4) }}
)

select
    session_key,
    meeting_key,
    driver_number,
    lap_number,
    date,
    lane_duration_s,
    stop_duration_s,
    season,
    pull_id,
    pulled_at,
    source_rows,
    source_variants
from one_row
