-- The as-of join of DuckDB and the portable implementation return the same rows, for generated times with ties, times before the
-- first one, null times, and keys without a match.
-- depends_on: {{ ref('fact_telemetry') }}, which uses the macro; Dagster does not show tests without dependencies.
{{ config(enabled=target.type == 'duckdb', meta={'dagster': {'ref': {'name': 'fact_telemetry'}}}) }}
{%- set mapped = {'mark': 'found_mark', 'moment': 'found_at'} %}
with lefts as (
    select
        cast(range as integer) as id,
        cast(range % 7 as integer) as k,
        case
            when range % 13 <> 0
                then timestamp '2024-09-22 12:00:00' + interval '1' second * cast((range * 7919) % 1000 as integer)
        end as moment
    from range(2000)
),

rights as (
    select
        cast(min(range) as integer) as mark,
        cast(range % 6 as integer) as k,
        timestamp '2024-09-22 12:00:00' + interval '1' second * cast(50 + (range * 104729) % 900 as integer) as moment
    from range(500)
    group by 2, 3
),

native as (
    {{ f1.duckdb__asof_join('lefts', 'rights', ['k'], 'moment', 'moment', mapped) | indent(4) }}
),

portable as (
    {{ f1.default__asof_join('lefts', 'rights', ['k'], 'moment', 'moment', mapped) | indent(4) }}
)

(select 'native only' as side, * from native except select 'native only', * from portable)
union all
(select 'portable only', * from portable except select 'portable only', * from native)
union all
select 'no match at all', null, null, null, null, null
where (select count(found_mark) from native) not between 1 and 1900 or (select count(*) from portable) <> 2000
