{#-
One row per session, future and cancelled ones included. A pull covers a season, so a season is what is replaced.
-#}
{%- set columns = [
    'session_key',
    'meeting_key',
    'session_name',
    'session_type',
    'circuit_key',
    'circuit_short_name',
    'country_key',
    'country_code',
    'country_name',
    'location',
    'gmt_offset',
    'date_start',
    'date_end',
    'year',
    'is_cancelled',
    'season'
] -%}

with source_rows as (
    select
        {{ bounded_integer('session_key') }} as session_key,
        {{ bounded_integer('meeting_key') }} as meeting_key,
        session_name,
        session_type,
        {{ bounded_integer('circuit_key') }} as circuit_key,
        circuit_short_name,
        {{ bounded_integer('country_key') }} as country_key,
        country_code,
        country_name,
        location,
        gmt_offset,
        {{ bounded_timestamp('date_start') }} as date_start,
        {{ bounded_timestamp('date_end') }} as date_end,
        {{ bounded_integer('year') }} as year,
        is_cancelled,
        _season as season,
        _pull_id as pull_id,
        _row_number as served_order,
        {{ utc('_ingested_at') }} as pulled_at
    from {{ source('bronze', 'sessions') }}
    where
        {{ is_current_pull('sessions', partition_column='season', key='session_key') }}
),

one_row as (
    {{ deduplicate(
        'source_rows',
        key=['session_key'],
        columns=columns,
        prefer="season",
        served='served_order'
    ) | indent(4) }}
)

select
    session_key,
    meeting_key,
    coalesce({{ blank_to_null('session_name') }}, 'Unknown') as session_name,
    coalesce({{ blank_to_null('session_type') }}, 'Unknown') as session_type,
    {{ session_category('session_name', 'session_type') | indent(4) }} as session_category,
    circuit_key,
    coalesce({{ blank_to_null('circuit_short_name') }}, 'Unknown') as circuit_short_name,
    country_key,
    country_code,
    coalesce({{ blank_to_null('country_name') }}, 'Unknown') as country_name,
    coalesce({{ blank_to_null('location') }}, 'Unknown') as location,
    gmt_offset,
    date_start,
    date_end,
    {{ seconds_between('date_start', 'date_end') }} / 60.0 as session_duration_minutes,
    year,
    coalesce(is_cancelled, false) as is_cancelled,
    season,
    pull_id,
    pulled_at,
    source_rows,
    source_variants
from one_row
