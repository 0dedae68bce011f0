{#-
One row a driver and lap on which he came in. Rows without a lap cannot be placed and stay in bronze. Older answers have
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
        cast(session_key as integer) as session_key,
        cast(meeting_key as integer) as meeting_key,
        cast(driver_number as integer) as driver_number,
        cast(lap_number as integer) as lap_number,
        {{ utc('date') }} as date,
        coalesce(lane_duration, pit_duration) as lane_duration_s,
        stop_duration as stop_duration_s,
        _season as season,
        _pull_id as pull_id,
        {{ utc('_ingested_at') }} as pulled_at
    from {{ source('bronze', 'pit') }}
    where
        {{ is_truth('pit') }}
        and lap_number is not null
),

one_row as (
    {{ keep_one(
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
