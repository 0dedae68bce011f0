-- Facts of series and events have exactly the rows of their silver tables; each lap of a stint is counted once; each list of
-- mini-sectors has all its elements.
{{ config(meta={'dagster': {'ref': {'name': 'fact_stints'}}}) }}
with counted as (
    select 'stints' as what, session_key, 1 as in_silver, 0 as in_gold from {{ ref('silver_stints') }}
    union all
    select 'stints', session_key, 0, 1 from {{ ref('fact_stints') }}
    union all
    select 'pit stops', session_key, 1, 0 from {{ ref('silver_pit_stops') }}
    union all
    select 'pit stops', session_key, 0, 1 from {{ ref('fact_pit_stops') }}
    union all
    select 'overtakes', session_key, 1, 0 from {{ ref('silver_overtakes') }}
    union all
    select 'overtakes', session_key, 0, 1 from {{ ref('fact_overtakes') }}
    union all
    select 'positions', session_key, 1, 0 from {{ ref('silver_positions') }}
    union all
    select 'positions', session_key, 0, 1 from {{ ref('fact_positions') }}
    union all
    select 'intervals', session_key, 1, 0 from {{ ref('silver_intervals') }}
    union all
    select 'intervals', session_key, 0, 1 from {{ ref('fact_intervals') }}
    union all
    select 'recordings', session_key, 1, 0 from {{ ref('silver_team_radio') }}
    union all
    select 'recordings', session_key, 0, 1 from {{ ref('fact_team_radio') }}
    union all
    {%- for sector in (1, 2, 3) %}
    select 'segments', session_key, least(cardinality(segments_sector_{{ sector }}), 100), 0
    from {{ ref('silver_laps') }}
    where segments_sector_{{ sector }} is not null
    union all
    {%- endfor %}
    select 'segments', session_key, 0, 1 from {{ ref('fact_lap_segments') }}
    union all
    select 'laps of stints', session_key, 1, 0 from {{ ref('fact_laps') }} where stint_number is not null
    union all
    select 'laps of stints', session_key, 0, laps_driven from {{ ref('fact_stints') }}
)

select what, session_key, sum(in_silver) as rows_in_silver, sum(in_gold) as rows_in_gold
from counted
group by what, session_key
having sum(in_silver) <> sum(in_gold)
