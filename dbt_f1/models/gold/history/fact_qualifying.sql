{#-
One row per driver of a qualifying since 1994, and one per driver with the pole position of a race before or without one, whichever
source has it. Grid qualifying only: those of sprints are in fact_results.

The pole is grid position 1 of the race, with the exceptions of seed pole_exceptions: qualifying results are missing before 1994 and in
many races until 2003, and a penalty takes the pole from the fastest driver. `is_fastest_qualifier` is the other question.
-#}
{%- set columns = ['qualifying_position', 'qualifying_times'] -%}
with precedence as (
    {{ source_order(columns) | indent(4) }}
),

jolpica as (
    select
        qualifying.*,
        coalesce(people.driver_id, qualifying.driver_id) as person_id
    from {{ ref('silver_jolpica_qualifying') }} as qualifying
    left join {{ ref('dim_people') }} as people
        on qualifying.driver_id = people.jolpica_driver_id
),

openf1_rows as (
    select
        races.season,
        races.round_number,
        results.session_key,
        results.driver_id,
        results.driver_number,
        results.constructor_id,
        results.team_id,
        results.position,
        results.q1_s,
        results.q2_s,
        results.q3_s
    from {{ ref('fact_results') }} as results
    inner join {{ ref('dim_races') }} as races
        on results.session_key = races.qualifying_session_key
),

numbers as (
    select season, round, car_number, min(person_id) as person_id
    from jolpica
    where car_number is not null
    group by season, round, car_number
),

openf1 as (
    select
        openf1_rows.*,
        coalesce(
            people.person_id,
            numbers.person_id,
            openf1_rows.driver_id,
            'unknown-' || cast(openf1_rows.driver_number as {{ dbt.type_string() }})
        ) as person_id
    from openf1_rows
    left join jolpica as people
        on
            openf1_rows.season = people.season
            and openf1_rows.round_number = people.round
            and openf1_rows.driver_id = people.person_id
    left join numbers
        on
            openf1_rows.season = numbers.season
            and openf1_rows.round_number = numbers.round
            and openf1_rows.driver_number = numbers.car_number
),

-- a driver has one row, also where a source lists two cars
openf1_choice as (
    select *
    from (
        select
            *,
            row_number() over (
                partition by season, round_number, person_id order by position nulls last, driver_number
            ) as choice
        from openf1
    ) as ranked
    where choice = 1
),

race_rows as (
    select
        season,
        round_number,
        driver_id,
        min(constructor_id) as constructor_id,
        min(team_id) as team_id,
        min(car_number) as car_number,
        min(grid_position) as grid_position
    from {{ ref('fact_race_results') }}
    where session_category = 'Race'
    group by season, round_number, driver_id
),

decided as (
    select season, round_number from {{ ref('pole_exceptions') }} group by season, round_number
),

poles as (
    select
        race_rows.season,
        race_rows.round_number,
        race_rows.driver_id,
        race_rows.constructor_id,
        race_rows.team_id,
        race_rows.car_number,
        case when exceptions.driver_id is null then 'grid' else 'exception' end as pole_source
    from race_rows
    left join decided
        on race_rows.season = decided.season and race_rows.round_number = decided.round_number
    left join {{ ref('pole_exceptions') }} as exceptions
        on
            race_rows.season = exceptions.season
            and race_rows.round_number = exceptions.round_number
            and race_rows.driver_id = exceptions.driver_id
    where case when decided.season is null then race_rows.grid_position = 1 else exceptions.driver_id is not null end
),

raced as (
    select season, round_number from race_rows group by season, round_number
),

qualified as (
    select
        coalesce(jolpica.season, openf1.season) as season,
        coalesce(jolpica.round, openf1.round_number) as round_number,
        coalesce(jolpica.person_id, openf1.person_id) as driver_id,
        coalesce(jolpica.constructor_id, openf1.constructor_id) as constructor_id,
        openf1.team_id,
        case when jolpica.season is null then openf1.driver_number else jolpica.car_number end as car_number,
        openf1.driver_number,
        jolpica.position as jolpica_position,
        openf1.position as openf1_position,
        {%- for part in ['q1_s', 'q2_s', 'q3_s'] %}
        jolpica.{{ part }} as jolpica_{{ part }},
        openf1.{{ part }} as openf1_{{ part }},
        {%- endfor %}
        jolpica.season is not null as in_jolpica,
        openf1.season is not null as in_openf1,
        {{ source_of('qualifying_position', 'jolpica.season is not null', 'openf1.season is not null') | indent(8) }}
            as position_source,
        {{ source_of(
            'qualifying_times', 'jolpica.q1_s is not null or jolpica.q2_s is not null', 'openf1.q1_s is not null'
        ) | indent(8) }} as times_source
    from jolpica
    full outer join openf1_choice as openf1
        on
            jolpica.season = openf1.season
            and jolpica.round = openf1.round_number
            and jolpica.person_id = openf1.person_id
    cross join precedence
),

chosen as (
    select
        coalesce(qualified.season, poles.season) as season,
        coalesce(qualified.round_number, poles.round_number) as round_number,
        coalesce(qualified.driver_id, poles.driver_id) as driver_id,
        coalesce(qualified.constructor_id, poles.constructor_id) as constructor_id,
        coalesce(qualified.team_id, poles.team_id) as known_team_id,
        coalesce(qualified.car_number, poles.car_number) as car_number,
        qualified.driver_number,
        {{ by_source('position_source', 'jolpica_position', 'openf1_position') | indent(8) }} as position,
        {%- for part in ['q1_s', 'q2_s', 'q3_s'] %}
        {{ by_source('times_source', 'jolpica_' ~ part, 'openf1_' ~ part) }} as {{ part }},
        {%- endfor %}
        coalesce(in_jolpica, false) as in_jolpica,
        coalesce(in_openf1, false) as in_openf1,
        position_source,
        times_source,
        poles.pole_source
    from qualified
    full outer join poles
        on
            qualified.season = poles.season
            and qualified.round_number = poles.round_number
            and qualified.driver_id = poles.driver_id
),

decided_poles as (
    select
        chosen.*,
        case
            when chosen.pole_source is not null then chosen.pole_source
            when raced.season is null and chosen.position = 1 then 'qualifying'
        end as known_pole_source
    from chosen
    left join raced
        on chosen.season = raced.season and chosen.round_number = raced.round_number
)

select
    {{ surrogate_key(['chosen.season', 'chosen.round_number', 'chosen.driver_id']) | indent(4) }} as qualifying_key,
    chosen.season,
    chosen.round_number,
    races.race_name,
    races.race_date,
    races.circuit_id,
    races.qualifying_session_key as session_key,
    races.meeting_key,
    chosen.driver_id,
    people.full_name,
    people.code as name_acronym,
    chosen.constructor_id,
    constructors.constructor_name,
    coalesce(chosen.known_team_id, {{ team_of_constructor('chosen.constructor_id') }}) as team_id,
    chosen.car_number,
    chosen.driver_number,
    chosen.position,
    chosen.q1_s,
    chosen.q2_s,
    chosen.q3_s,
    coalesce(chosen.position = 1, false) as is_fastest_qualifier,
    chosen.known_pole_source is not null as is_pole,
    chosen.known_pole_source as pole_source,
    chosen.in_jolpica,
    chosen.in_openf1,
    chosen.position_source,
    chosen.times_source
from decided_poles as chosen
left join {{ ref('dim_races') }} as races
    on chosen.season = races.season and chosen.round_number = races.round_number
left join {{ ref('dim_people') }} as people
    on chosen.driver_id = people.driver_id
left join {{ ref('dim_constructors') }} as constructors
    on chosen.constructor_id = constructors.constructor_id
left join {{ ref('constructor_lineage') }} as lineage
    on
        chosen.constructor_id = lineage.constructor_id
        and chosen.season between lineage.first_season and lineage.last_season
