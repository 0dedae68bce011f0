{#-
One row per driver or constructor and race or sprint, all cars of the entrant together: what careers, seasons and records count.

A driver who drove two cars in a race started once, and has the better position; a victory in a shared car is a win of each of its
drivers and one win of its constructor. A start is a race that the entrant took part in, whatever the end; who did not qualify or did
not start (also: retired on the formation lap) has none. `points_today` are the points of the position in the system `today` of seed
points_systems, in full for each driver of a shared car.

The pole position is that of fact_qualifying, for Grands Prix. The fastest lap is null for races before 2004, where the sources do not
rank lap times.
-#}
with cars as (
    select
        results.*,
        results.status_class not in ('Did not qualify', 'Did not start') as is_start
    from {{ ref('fact_race_results') }} as results
    where results.session_category in ('Race', 'Sprint') and results.round_number is not null
),

entries as (
    select 'driver' as entrant_type, driver_id as entrant_id, cars.*
    from cars
    where driver_id is not null

    union all

    select 'constructor' as entrant_type, constructor_id as entrant_id, cars.*
    from cars
    where constructor_id is not null
),

chosen as (
    select
        entries.*,
        -- the second driver of a car that is counted already
        row_number() over (
            partition by
                entries.entrant_type, entries.entrant_id, entries.season, entries.round_number, entries.session_category,
                entries.position
            order by entries.driver_id, entries.car_number nulls last
        ) as place_in_car,
        row_number() over (
            partition by
                entries.entrant_type, entries.entrant_id, entries.season, entries.round_number, entries.session_category
            order by
                entries.position nulls last, entries.position_order nulls last, entries.grid_position nulls last,
                entries.constructor_id, entries.driver_id, entries.car_number nulls last
        ) as choice,
        systems.points as points_today
    from entries
    left join {{ ref('points_systems') }} as systems
        on
            systems.points_system = 'today'
            and entries.session_category = systems.session_category
            and entries.position = systems.position
),

poles as (
    select 'driver' as entrant_type, driver_id as entrant_id, season, round_number
    from {{ ref('fact_qualifying') }}
    where is_pole
    group by driver_id, season, round_number

    union all

    select 'constructor', constructor_id, season, round_number
    from {{ ref('fact_qualifying') }}
    where is_pole and constructor_id is not null
    group by constructor_id, season, round_number
),

ranked_laps as (
    select season, round_number, session_category
    from cars
    where fastest_lap_rank = 1
    group by season, round_number, session_category
),

summed as (
    select
        entrant_type,
        entrant_id,
        season,
        round_number,
        session_category,
        {%- for column in [
            'race_name', 'race_date', 'circuit_id', 'driver_id', 'constructor_id', 'constructor_name', 'team_id', 'grid_position'
        ] %}
        max(case when choice = 1 then {{ column }} end) as {{ column }},
        {%- endfor %}
        max(case when choice = 1 then full_name end) as full_name,
        count(distinct coalesce(cast(car_number as {{ dbt.type_string() }}), driver_id)) as cars,
        max(case when is_start then 1 else 0 end) = 1 as is_start,
        max(case when is_classified then 1 else 0 end) = 1 as is_classified,
        max(case when status_class = 'Retired' then 1 else 0 end) = 1
        and max(case when is_classified then 1 else 0 end) = 0 as is_retired,
        count(case when is_start then 1 end) as car_starts,
        count(case when status_class = 'Retired' then 1 end) as car_retirements,
        min(position) as position,
        count(case when position <= 3 and place_in_car = 1 then 1 end) as podiums,
        max(case when is_shared_drive then 1 else 0 end) = 1 as is_shared_drive,
        max(case when fastest_lap_rank = 1 then 1 else 0 end) as fastest_laps,
        sum(points) as points,
        sum(case when place_in_car = 1 then coalesce(points_today, 0) else 0 end) as points_of_cars,
        max(coalesce(points_today, 0)) as points_of_best_car
    from chosen
    group by entrant_type, entrant_id, season, round_number, session_category
)

select
    {{ surrogate_key([
        'summed.entrant_type', 'summed.entrant_id', 'summed.season', 'summed.round_number', 'summed.session_category'
    ]) | indent(4) }} as entrant_race_key,
    summed.entrant_type,
    summed.entrant_id,
    summed.season,
    summed.round_number,
    summed.session_category,
    summed.race_name,
    summed.race_date,
    summed.circuit_id,
    case when summed.entrant_type = 'driver' then summed.driver_id end as driver_id,
    coalesce(
        case summed.entrant_type when 'driver' then summed.full_name else summed.constructor_name end, summed.entrant_id
    ) as entrant_name,
    summed.constructor_id,
    summed.team_id,
    cast(summed.cars as integer) as cars,
    summed.is_start,
    cast(
        sum(case when summed.is_start and summed.session_category = 'Race' then 1 else 0 end) over (
            partition by summed.entrant_type, summed.entrant_id
            order by summed.season, summed.round_number, summed.session_category
            rows between unbounded preceding and current row
        ) as integer
    ) as start_number,
    summed.is_classified,
    summed.is_retired,
    cast(summed.car_starts as integer) as car_starts,
    cast(summed.car_retirements as integer) as car_retirements,
    summed.position,
    coalesce(summed.position = 1, false) as is_win,
    cast(summed.podiums as integer) as podiums,
    poles.season is not null as is_pole,
    case when ranked_laps.season is not null then summed.fastest_laps = 1 end as is_fastest_lap,
    summed.grid_position,
    summed.is_shared_drive,
    cast(summed.points as {{ type_double() }}) as points,
    cast(
        case summed.entrant_type when 'driver' then summed.points_of_best_car else summed.points_of_cars end
        as {{ type_double() }}
    ) as points_today,
    cast(
        {{ seconds_between('cast(people.birth_date as timestamp)', 'cast(summed.race_date as timestamp)') }} / 86400 as integer
    ) as age_days
from summed
left join poles
    on
        summed.session_category = 'Race'
        and summed.entrant_type = poles.entrant_type
        and summed.entrant_id = poles.entrant_id
        and summed.season = poles.season
        and summed.round_number = poles.round_number
left join ranked_laps
    on
        summed.season = ranked_laps.season
        and summed.round_number = ranked_laps.round_number
        and summed.session_category = ranked_laps.session_category
left join {{ ref('dim_people') }} as people
    on summed.entrant_type = 'driver' and summed.entrant_id = people.driver_id
