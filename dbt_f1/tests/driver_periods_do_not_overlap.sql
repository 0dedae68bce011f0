-- A period ends where the next period of the person starts; exactly one period has no end.
{{ config(meta={'dagster': {'ref': {'name': 'dim_drivers'}}}) }}
with ordered as (
    select
        driver_id,
        valid_from,
        valid_to,
        is_current,
        lead(valid_from) over (partition by driver_id order by valid_from) as next_from
    from {{ ref('dim_drivers') }}
)

select *
from ordered
where valid_to is distinct from next_from or is_current <> (next_from is null)
