{#-
One row per driver of a grid. Of conflicting rows the one with a position is kept, of several such rows the one served last. `session_key` is the (sprint) qualifying session that set the grid, never the race: join over
the meeting and the kind of session.
-#}
{%- set columns = [
    'session_key',
    'meeting_key',
    'driver_number',
    'position',
    'lap_duration',
    'season'
] -%}

with source_rows as (
    select
        {{ bounded_integer('session_key') }} as session_key,
        {{ bounded_integer('meeting_key') }} as meeting_key,
        {{ bounded_integer('driver_number') }} as driver_number,
        {{ bounded_integer('position') }} as position,
        {{ bounded_number('lap_duration') }} as lap_duration,
        _season as season,
        _pull_id as pull_id,
        _row_number as served_order,
        {{ utc('_ingested_at') }} as pulled_at
    from {{ source('bronze', 'starting_grid') }}
    where
        {{ is_current_pull('starting_grid') }}
),

one_row as (
    {{ deduplicate(
        'source_rows',
        key=['session_key', 'driver_number'],
        columns=columns,
        prefer="case when position is null then 1 else 0 end",
        served='served_order'
    ) | indent(4) }}
)

select
    session_key,
    meeting_key,
    driver_number,
    position,
    lap_duration,
    season,
    pull_id,
    pulled_at,
    source_rows,
    source_variants
from one_row
