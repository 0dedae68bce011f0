{#-
One row per sample of a car. The source sends 104 in throttle and brake for no signal; it becomes null.
-#}
{%- set columns = [
    'session_key',
    'meeting_key',
    'driver_number',
    'date',
    'rpm',
    'speed',
    'n_gear',
    'throttle',
    'brake',
    'drs',
    'season'
] -%}

with source_rows as (
    select
        {{ bounded_integer('session_key') }} as session_key,
        {{ bounded_integer('meeting_key') }} as meeting_key,
        {{ bounded_integer('driver_number') }} as driver_number,
        {{ bounded_timestamp('date') }} as date,
        {{ bounded_integer('rpm') }} as rpm,
        {{ bounded_integer('speed') }} as speed,
        {{ bounded_integer('n_gear') }} as n_gear,
        {{ bounded_integer('throttle') }} as throttle,
        {{ bounded_integer('brake') }} as brake,
        {{ bounded_integer('drs') }} as drs,
        _season as season,
        _pull_id as pull_id,
        {{ utc('_ingested_at') }} as pulled_at
    from {{ source('bronze', 'car_data') }}
    where
        {{ is_current_pull('car_data') }}
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
    rpm,
    speed,
    case when n_gear between 0 and 8 then n_gear end as n_gear,
    case when throttle between 0 and 100 then throttle end as throttle,
    case when brake between 0 and 100 then brake end as brake,
    drs,
    drs in (10, 12, 14) as is_drs_open,
    season,
    pull_id,
    pulled_at,
    source_rows,
    source_variants
from one_row
