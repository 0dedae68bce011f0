{#-
Rows of each session by table, and which data the source did not serve: one row per session of the calendar.

A session without any row is not reported as incomplete: it can be in the future. Laps are missing if the classification counts
more laps of a driver than there are rows. A race or sprint needs a grid; a session with laps needs messages of race control, without
which no lap has a track status.
-#}
{%- set counted = {
    'result_rows': 'fact_results',
    'lap_rows': 'fact_laps',
    'stint_rows': 'fact_stints',
    'pit_stop_rows': 'fact_pit_stops',
    'overtake_rows': 'fact_overtakes',
    'race_control_rows': 'fact_race_control',
    'weather_rows': 'fact_weather',
} -%}
with
{%- for column, table in counted.items() %}
{{ column }}_counted as (
    select session_key, count(*) as row_count
    from {{ ref(table) }}
    group by session_key
),
{% endfor %}
driven as (
    select session_key, driver_number, count(*) as laps
    from {{ ref('fact_laps') }}
    group by session_key, driver_number
),

laps_missing as (
    select
        results.session_key,
        sum(results.number_of_laps - coalesce(driven.laps, 0)) as missing_laps,
        count(*) as drivers_with_missing_laps
    from {{ ref('fact_results') }} as results
    left join driven
        on results.session_key = driven.session_key and results.driver_number = driven.driver_number
    where coalesce(driven.laps, 0) < results.number_of_laps
    group by results.session_key
),

grids as (
    select session_key, count(grid_position) as grid_rows
    from {{ ref('fact_results') }}
    group by session_key
),

coverage as (
    select
        sessions.session_key,
        sessions.meeting_key,
        sessions.season,
        sessions.session_category,
        sessions.date_start,
        sessions.is_cancelled,
        {%- for column in counted %}
        coalesce({{ column }}_counted.row_count, 0) as {{ column }},
        {%- endfor %}
        coalesce(grids.grid_rows, 0) as grid_rows,
        coalesce(laps_missing.missing_laps, 0) as missing_laps,
        coalesce(laps_missing.drivers_with_missing_laps, 0) as drivers_with_missing_laps
    -- the joins of a loop are not indented as sqlfluff expects them
    from {{ ref('dim_sessions') }} as sessions -- noqa: LT02
    {%- for column in counted %}
    left join {{ column }}_counted -- noqa: LT02
        on sessions.session_key = {{ column }}_counted.session_key -- noqa: LT02
    {%- endfor %}
    left join grids
        on sessions.session_key = grids.session_key
    left join laps_missing
        on sessions.session_key = laps_missing.session_key
)

select
    session_key,
    meeting_key,
    season,
    date_start,
    {%- for column in counted %}
    cast({{ column }} as integer) as {{ column }},
    {%- endfor %}
    -- without any lap the lap total is no gap of single drivers: has_result_without_laps says it
    cast(case when lap_rows > 0 then missing_laps else 0 end as integer) as missing_laps,
    cast(case when lap_rows > 0 then drivers_with_missing_laps else 0 end as integer) as drivers_with_missing_laps,
    lap_rows > 0 and result_rows = 0 and not is_cancelled as has_laps_without_result,
    result_rows > 0 and lap_rows = 0 as has_result_without_laps,
    session_category in ('Race', 'Sprint') and result_rows > 0 and grid_rows = 0 as is_grid_missing,
    lap_rows > 0 and race_control_rows = 0 as is_race_control_missing
from coverage
