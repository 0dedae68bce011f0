{#-
One row per message. Most columns of the natural key may be null, so the grain is the key made of them, as served.

The source fills the driver of flags and car events only; elsewhere it follows from the message ("CAR 4 (NOR) TIME …").
-#}
{%- set columns = [
    'session_key',
    'meeting_key',
    'date',
    'driver_number',
    'lap_number',
    'category',
    'flag',
    'scope',
    'sector',
    'qualifying_phase',
    'message',
    'season'
] -%}

with source_rows as (
    select
        {{ bounded_integer('session_key') }} as session_key,
        {{ bounded_integer('meeting_key') }} as meeting_key,
        {{ bounded_timestamp('date') }} as date,
        {{ bounded_integer('driver_number') }} as driver_number,
        {{ bounded_integer('lap_number') }} as lap_number,
        category,
        flag,
        scope,
        {{ bounded_integer('sector') }} as sector,
        {{ bounded_integer('qualifying_phase') }} as qualifying_phase,
        message,
        _season as season,
        cast(_row_number as integer) as served_order,
        _pull_id as pull_id,
        {{ utc('_ingested_at') }} as pulled_at
    from {{ source('bronze', 'race_control') }}
    where
        {{ is_current_pull('race_control') }}
),

one_row as (
    {{ deduplicate(
        'source_rows',
        key=['session_key', 'date', 'driver_number', 'lap_number', 'category', 'flag', 'scope', 'sector', 'message'],
        columns=columns,
        served='served_order',
        nullable=['date', 'driver_number', 'lap_number', 'category', 'flag', 'scope', 'sector', 'message']
    ) | indent(4) }}
)

select
    {{ surrogate_key([
        'session_key', 'date', 'driver_number', 'lap_number', 'category', 'flag', 'scope', 'sector', 'message'
    ]) | indent(4) }} as race_control_key,
    session_key,
    meeting_key,
    date,
    coalesce(one_row.driver_number, {{ driver_of_message('message') }}) as driver_number,
    lap_number,
    category,
    flag,
    scope,
    sector,
    qualifying_phase,
    message,
    served_order,
    season,
    pull_id,
    pulled_at,
    source_rows,
    source_variants
from one_row
