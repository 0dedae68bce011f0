{#-
One row a message. Most columns of the natural key may be null, so the grain is the key made of them.
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
        {{ whole('session_key') }} as session_key,
        {{ whole('meeting_key') }} as meeting_key,
        {{ moment('date') }} as date,
        {{ whole('driver_number') }} as driver_number,
        {{ whole('lap_number') }} as lap_number,
        category,
        flag,
        scope,
        {{ whole('sector') }} as sector,
        {{ whole('qualifying_phase') }} as qualifying_phase,
        message,
        _season as season,
        _pull_id as pull_id,
        {{ utc('_ingested_at') }} as pulled_at
    from {{ source('bronze', 'race_control') }}
    where
        {{ is_truth('race_control') }}
),

one_row as (
    {{ keep_one(
        'source_rows',
        key=['session_key', 'date', 'driver_number', 'lap_number', 'category', 'flag', 'scope', 'sector', 'message'],
        columns=columns,
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
    driver_number,
    lap_number,
    category,
    flag,
    scope,
    sector,
    qualifying_phase,
    message,
    season,
    pull_id,
    pulled_at,
    source_rows,
    source_variants
from one_row
