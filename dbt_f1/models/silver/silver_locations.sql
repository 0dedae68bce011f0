{#-
One row per sample of a car's place. The origin (0, 0, 0) is what the source sends while it knows none.
-#}
{%- set columns = [
    'session_key',
    'meeting_key',
    'driver_number',
    'date',
    'position_x',
    'position_y',
    'position_z',
    'season'
] -%}

with source_rows as (
    select
        {{ bounded_integer('session_key') }} as session_key,
        {{ bounded_integer('meeting_key') }} as meeting_key,
        {{ bounded_integer('driver_number') }} as driver_number,
        {{ bounded_timestamp('date') }} as date,
        {{ bounded_integer('x') }} as position_x,
        {{ bounded_integer('y') }} as position_y,
        {{ bounded_integer('z') }} as position_z,
        _season as season,
        _pull_id as pull_id,
        {{ utc('_ingested_at') }} as pulled_at
    from {{ source('bronze', 'location') }}
    where
        {{ is_current_pull('location') }}
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
    position_x,
    position_y,
    position_z,
    -- squared as doubles: the square of a far coordinate does not fit an integer
    sqrt(
        cast(position_x as {{ type_double() }}) * position_x
        + cast(position_y as {{ type_double() }}) * position_y
        + cast(position_z as {{ type_double() }}) * position_z
    ) as distance_from_origin,
    position_x is not null and position_y is not null and position_z is not null
    and not (position_x = 0 and position_y = 0 and position_z = 0) as has_position,
    season,
    pull_id,
    pulled_at,
    source_rows,
    source_variants
from one_row
