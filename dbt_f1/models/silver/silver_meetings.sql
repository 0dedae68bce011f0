{#-
One row per race weekend or test. A pull covers a season, so a season is what is replaced.
-#}
{%- set columns = [
    'meeting_key',
    'meeting_name',
    'meeting_official_name',
    'circuit_key',
    'circuit_short_name',
    'country_key',
    'country_code',
    'country_name',
    'location',
    'gmt_offset',
    'country_flag',
    'circuit_type',
    'circuit_info_url',
    'circuit_image',
    'date_start',
    'date_end',
    'year',
    'is_cancelled',
    'season'
] -%}

with source_rows as (
    select
        {{ bounded_integer('meeting_key') }} as meeting_key,
        meeting_name,
        meeting_official_name,
        {{ bounded_integer('circuit_key') }} as circuit_key,
        circuit_short_name,
        {{ bounded_integer('country_key') }} as country_key,
        country_code,
        country_name,
        location,
        gmt_offset,
        country_flag,
        circuit_type,
        circuit_info_url,
        circuit_image,
        {{ bounded_timestamp('date_start') }} as date_start,
        {{ bounded_timestamp('date_end') }} as date_end,
        {{ bounded_integer('year') }} as year,
        is_cancelled,
        _season as season,
        _pull_id as pull_id,
        _row_number as served_order,
        {{ utc('_ingested_at') }} as pulled_at
    from {{ source('bronze', 'meetings') }}
    where
        {{ is_current_pull('meetings', partition_column='season', key='meeting_key') }}
),

one_row as (
    {{ deduplicate(
        'source_rows',
        key=['meeting_key'],
        columns=columns,
        prefer="season",
        served='served_order'
    ) | indent(4) }}
)

select
    meeting_key,
    coalesce({{ blank_to_null('meeting_name') }}, 'Unknown') as meeting_name,
    {{ slug("replace(coalesce(meeting_name, 'unknown'), 'Grand Prix', '')") }} as grand_prix_slug,
    meeting_official_name,
    circuit_key,
    coalesce({{ blank_to_null('circuit_short_name') }}, 'Unknown') as circuit_short_name,
    circuit_type,
    country_key,
    country_code,
    coalesce({{ blank_to_null('country_name') }}, 'Unknown') as country_name,
    coalesce({{ blank_to_null('location') }}, 'Unknown') as location,
    gmt_offset,
    country_flag,
    circuit_info_url,
    circuit_image,
    date_start,
    date_end,
    year,
    coalesce(is_cancelled, false) as is_cancelled,
    season,
    pull_id,
    pulled_at,
    source_rows,
    source_variants
from one_row
