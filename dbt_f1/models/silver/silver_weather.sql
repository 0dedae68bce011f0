{#-
One row per measurement, about once a minute. A track at exactly 0.0 degrees is a glitch of the source and becomes null.
-#}
{%- set columns = [
    'session_key',
    'meeting_key',
    'date',
    'air_temperature',
    'track_temperature',
    'humidity',
    'pressure',
    'rainfall',
    'wind_direction',
    'wind_speed',
    'season'
] -%}

with source_rows as (
    select
        {{ bounded_integer('session_key') }} as session_key,
        {{ bounded_integer('meeting_key') }} as meeting_key,
        {{ bounded_timestamp('date') }} as date,
        {{ bounded_number('air_temperature') }} as air_temperature,
        nullif({{ bounded_number('track_temperature') }}, 0) as track_temperature,
        {{ bounded_number('humidity') }} as humidity,
        {{ bounded_number('pressure') }} as pressure,
        {{ bounded_integer('rainfall') }} as rainfall,
        {{ bounded_integer('wind_direction') }} as wind_direction,
        {{ bounded_number('wind_speed') }} as wind_speed,
        _season as season,
        _pull_id as pull_id,
        {{ utc('_ingested_at') }} as pulled_at
    from {{ source('bronze', 'weather') }}
    where
        {{ is_current_pull('weather') }}
),

one_row as (
    {{ deduplicate(
        'source_rows',
        key=['session_key', 'date'],
        columns=columns
    ) | indent(4) }}
)

select
    session_key,
    meeting_key,
    date,
    air_temperature,
    track_temperature,
    humidity,
    pressure,
    rainfall,
    rainfall > 0 as is_raining,
    wind_direction,
    wind_speed,
    season,
    pull_id,
    pulled_at,
    source_rows,
    source_variants
from one_row
