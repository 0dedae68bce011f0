{#-
One row a driver: the championship before and after a race or sprint. A beta endpoint with gaps.
-#}
{%- set columns = [
    'session_key',
    'meeting_key',
    'driver_number',
    'position_start',
    'position_current',
    'points_start',
    'points_current',
    'season'
] -%}

with source_rows as (
    select
        cast(session_key as integer) as session_key,
        cast(meeting_key as integer) as meeting_key,
        cast(driver_number as integer) as driver_number,
        cast(position_start as integer) as position_start,
        cast(position_current as integer) as position_current,
        points_start,
        points_current,
        _season as season,
        _pull_id as pull_id,
        {{ utc('_ingested_at') }} as pulled_at
    from {{ source('bronze', 'championship_drivers') }}
    where
        {{ is_truth('championship_drivers') }}
),

one_row as (
    {{ keep_one(
        'source_rows',
        key=['session_key', 'driver_number'],
        columns=columns
    ) | indent(4) }}
)

select
    session_key,
    meeting_key,
    driver_number,
    position_start,
    position_current,
    points_start,
    points_current,
    season,
    pull_id,
    pulled_at,
    source_rows,
    source_variants
from one_row
