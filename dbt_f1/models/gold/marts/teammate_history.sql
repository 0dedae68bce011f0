{#-
Comparison of team mates since 1950: one row per season, constructor and pair. `driver` is the person whose driver_id sorts first,
`teammate` the other one. Grands Prix only. teammate_head_to_head compares the seasons of OpenF1 in more detail.

The better classified position wins a race. A driver who is not classified loses to one who is; where neither is classified, or both
shared a car, neither wins. A race in which one of the two did not start or was disqualified does not count. Qualifying is compared
since 1994; the better position wins, and the gap is that of the last phase in which both have a time.

A constructor was not always one team: until the 1970s private entrants drove its cars too. In the Indianapolis 500 of 1950 to 1960
nearly all cars came from a few builders, so it is left out.
-#}
with entries as (
    select
        results.season,
        results.round_number,
        'Race' as session_category,
        results.constructor_id,
        results.constructor_name,
        results.team_id,
        results.driver_id,
        results.full_name,
        results.position,
        results.points,
        null as q1_s,
        null as q2_s,
        null as q3_s,
        row_number() over (
            partition by results.season, results.round_number, results.driver_id, results.constructor_id
            order by results.position nulls last, results.car_number nulls last
        ) as choice
    from {{ ref('fact_race_results') }} as results
    where
        results.session_category = 'Race'
        and results.status_class not in ('Did not qualify', 'Did not start', 'Disqualified', 'Excluded')
        and results.constructor_id <> 'unknown-team'
        and (results.circuit_id is distinct from 'indianapolis' or results.season > 1960)

    union all

    select
        season, round_number, 'Qualifying', constructor_id, constructor_name, team_id, driver_id, full_name, position, null,
        q1_s, q2_s, q3_s, 1
    from {{ ref('fact_qualifying') }}
    where position is not null and constructor_id <> 'unknown-team'
),

pairs as (
    select
        driver.season,
        driver.round_number,
        driver.session_category,
        driver.constructor_id,
        driver.constructor_name,
        driver.team_id,
        driver.driver_id,
        driver.full_name,
        mate.driver_id as teammate_id,
        mate.full_name as teammate_full_name,
        {{ is_ahead('driver', 'mate') }} as is_won,
        {{ is_ahead('mate', 'driver') }} as is_lost,
        driver.points,
        mate.points as teammate_points,
        {{ qualifying_gap('driver', 'mate') }} as qualifying_gap_s
    from entries as driver
    inner join entries as mate
        on
            driver.season = mate.season
            and driver.round_number = mate.round_number
            and driver.session_category = mate.session_category
            and driver.constructor_id = mate.constructor_id
            and driver.driver_id < mate.driver_id
    where driver.choice = 1 and mate.choice = 1
)

select
    {{ surrogate_key(['season', 'constructor_id', 'driver_id', 'teammate_id']) | indent(4) }} as teammate_history_key,
    season,
    constructor_id,
    max_by(constructor_name, {{ session_order('round_number') }}) as constructor_name,
    max_by(team_id, {{ session_order('round_number') }}) as team_id,
    driver_id,
    max_by(full_name, {{ session_order('round_number') }}) as full_name,
    teammate_id,
    max_by(teammate_full_name, {{ session_order('round_number') }}) as teammate_full_name,
    {%- for category, name in [('Qualifying', 'qualifying_sessions'), ('Race', 'races')] %}
    {%- set prefix = 'qualifying' if category == 'Qualifying' else 'race' %}
    cast(count(case when session_category = '{{ category }}' then 1 end) as integer) as {{ name }},
    cast(count(case when session_category = '{{ category }}' and is_won then 1 end) as integer) as {{ prefix }}_wins,
    cast(count(case when session_category = '{{ category }}' and is_lost then 1 end) as integer) as teammate_{{ prefix }}_wins,
    {%- endfor %}
    cast(sum(coalesce(points, 0)) as {{ type_double() }}) as points,
    cast(sum(coalesce(teammate_points, 0)) as {{ type_double() }}) as teammate_points,
    round(median(qualifying_gap_s), 4) as median_qualifying_gap_s
from pairs
group by season, constructor_id, driver_id, teammate_id
