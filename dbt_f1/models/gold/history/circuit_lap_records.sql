{#-
The ten fastest laps of races and of qualifying at each circuit: one row per circuit, kind of session and lap. Each driver has at most
one lap per session. Laps are those of all layouts of a circuit; the sources do not say which layout a race had.
-#}
with laps as (
    select
        'Race' as session_category, circuit_id, season, round_number, race_name, race_date, driver_id, full_name,
        constructor_id, constructor_name, team_id, fastest_lap_time_s as lap_time_s
    from {{ ref('fact_race_results') }}
    where session_category = 'Race'
    {% for phase in ['q1_s', 'q2_s', 'q3_s'] %}
    union all

    select
        'Qualifying', circuit_id, season, round_number, race_name, race_date, driver_id, full_name,
        constructor_id, constructor_name, team_id, {{ phase }}
    from {{ ref('fact_qualifying') }}
    {% endfor -%}
),

best as (
    select
        *,
        row_number() over (
            partition by circuit_id, session_category, season, round_number, driver_id
            order by lap_time_s, constructor_id
        ) as choice
    from laps
    where lap_time_s is not null and circuit_id is not null
),

ranked as (
    select
        *,
        rank() over (partition by circuit_id, session_category order by lap_time_s) as record_rank
    from best
    where choice = 1
)

select
    {{ surrogate_key(['circuit_id', 'session_category', 'season', 'round_number', 'driver_id']) | indent(4) }}
        as circuit_lap_record_key,
    circuit_id,
    session_category,
    cast(record_rank as integer) as record_rank,
    lap_time_s,
    season,
    round_number,
    race_name,
    race_date,
    driver_id,
    coalesce(full_name, driver_id) as full_name,
    constructor_id,
    constructor_name,
    team_id
from ranked
where record_rank <= 10
