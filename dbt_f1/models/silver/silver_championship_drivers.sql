{#-
One row per driver: the championship before and after a race or sprint. A beta endpoint with gaps.
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
        {{ bounded_integer('session_key') }} as session_key,
        {{ bounded_integer('meeting_key') }} as meeting_key,
        {{ bounded_integer('driver_number') }} as driver_number,
        {{ bounded_integer('position_start') }} as position_start,
        {{ bounded_integer('position_current') }} as position_current,
        {{ bounded_number('points_start') }} as points_start,
        {{ bounded_number('points_current') }} as points_current,
        _season as season,
        _pull_id as pull_id,
        {{ utc('_ingested_at') }} as pulled_at
    from {{ source('bronze', 'championship_drivers') }}
    where
        {{ is_current_pull('championship_drivers') }}
),

one_row as (
    {{ deduplicate(
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
