{#-
One row a sample of a car. The source sends 104 in throttle and brake for no signal; it becomes null.
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
        cast(session_key as integer) as session_key,
        cast(meeting_key as integer) as meeting_key,
        cast(driver_number as integer) as driver_number,
        {{ utc('date') }} as date,
        cast(rpm as integer) as rpm,
        cast(speed as integer) as speed,
        cast(n_gear as integer) as n_gear,
        cast(throttle as integer) as throttle,
        cast(brake as integer) as brake,
        cast(drs as integer) as drs,
        _season as season,
        _pull_id as pull_id,
        {{ utc('_ingested_at') }} as pulled_at
    from {{ source('bronze', 'car_data') }}
    where
        {{ is_truth('car_data') }}
),

one_row as (
    {{ keep_one(
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
