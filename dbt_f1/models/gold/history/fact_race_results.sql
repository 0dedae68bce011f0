{#-
One row per driver and car of a race or sprint since 1950, whichever source has it. A value comes from the source that seed
source_precedence puts first and that has it; `<column>_source` names it. Where both have one and they differ, the other is in
source_reconciliation.

A driver of OpenF1 is the driver of Jolpica with the same driver_id, else the one with the same car number in the race: two names of
one person must not score twice. A driver with two cars in a race has two rows in Jolpica; then the car number decides as well.
-#}
{%- set columns = ['position', 'points', 'grid_position', 'laps', 'race_time_s', 'fastest_lap'] -%}
with precedence as (
    {{ source_order(columns) | indent(4) }}
),

jolpica as (
    select
        results.*,
        coalesce(people.driver_id, results.jolpica_driver_id) as driver_id,
        count(*) over (
            partition by results.season, results.round_number, results.session_category, results.jolpica_driver_id
        ) as cars
    from ({{ jolpica_results() | indent(4) }}) as results
    left join {{ ref('dim_people') }} as people
        on results.jolpica_driver_id = people.jolpica_driver_id
),

sessions as (
    select season, round_number, 'Race' as session_category, race_session_key as session_key
    from {{ ref('dim_races') }}
    where race_session_key is not null

    union all

    select season, round_number, 'Sprint' as session_category, sprint_session_key as session_key
    from {{ ref('dim_races') }}
    where sprint_session_key is not null
),

openf1_rows as (
    select
        sessions.season,
        sessions.round_number,
        sessions.session_category,
        results.*
    from (
        select
            session_key, driver_id, driver_number, name_acronym, full_name, constructor_id, team_id, team_name, position,
            status, points, grid_position, started_from_pit_lane, number_of_laps, duration_s, gap_to_leader_s,
            fastest_lap_time, fastest_lap_number, fastest_lap_rank
        from {{ ref('fact_results') }}
    ) as results
    inner join sessions
        on results.session_key = sessions.session_key
),

-- who drove the car according to Jolpica, and whether Jolpica has the driver in the race at all
numbers as (
    select season, round_number, session_category, car_number, min(driver_id) as driver_id
    from jolpica
    where car_number is not null
    group by season, round_number, session_category, car_number
),

drivers as (
    select season, round_number, session_category, driver_id, max(cars) as cars
    from jolpica
    group by season, round_number, session_category, driver_id
),

openf1 as (
    select
        openf1_rows.*,
        coalesce(
            drivers.driver_id,
            numbers.driver_id,
            openf1_rows.driver_id,
            'unknown-' || cast(openf1_rows.driver_number as {{ dbt.type_string() }})
        ) as matched_driver_id,
        row_number() over (
            partition by openf1_rows.session_key, coalesce(drivers.driver_id, numbers.driver_id)
            order by
                case when numbers.driver_id = coalesce(drivers.driver_id, numbers.driver_id) then 0 else 1 end,
                openf1_rows.driver_number
        ) as choice,
        row_number() over (
            partition by openf1_rows.session_key
            order by
                openf1_rows.position nulls last, openf1_rows.number_of_laps desc nulls last, openf1_rows.driver_number
        ) as position_order
    from openf1_rows
    left join drivers
        on
            openf1_rows.season = drivers.season
            and openf1_rows.round_number = drivers.round_number
            and openf1_rows.session_category = drivers.session_category
            and openf1_rows.driver_id = drivers.driver_id
    left join numbers
        on
            openf1_rows.season = numbers.season
            and openf1_rows.round_number = numbers.round_number
            and openf1_rows.session_category = numbers.session_category
            and openf1_rows.driver_number = numbers.car_number
),

joined as (
    select
        coalesce(jolpica.season, openf1.season) as season,
        coalesce(jolpica.round_number, openf1.round_number) as round_number,
        coalesce(jolpica.session_category, openf1.session_category) as session_category,
        coalesce(jolpica.driver_id, openf1.matched_driver_id) as driver_id,
        coalesce(jolpica.constructor_id, openf1.constructor_id) as constructor_id,
        case when jolpica.season is null then openf1.driver_number else jolpica.car_number end as car_number,
        openf1.driver_number,
        openf1.team_id as openf1_team_id,
        openf1.full_name,
        openf1.name_acronym,
        jolpica.season is not null as in_jolpica,
        openf1.season is not null as in_openf1,
        {{ source_of('position', 'jolpica.season is not null', 'openf1.season is not null') | indent(8) }}
            as position_source,
        jolpica.classified_position as jolpica_position,
        openf1.position as openf1_position,
        jolpica.position_order as jolpica_order,
        openf1.position_order as openf1_order,
        jolpica.position_text,
        jolpica.is_classified,
        jolpica.status,
        openf1.status as openf1_status,
        {{ source_of('points', 'jolpica.points is not null', 'openf1.points is not null') | indent(8) }}
            as points_source,
        jolpica.points as jolpica_points,
        openf1.points as openf1_points,
        {{ source_of('grid_position', 'jolpica.season is not null', 'openf1.season is not null') | indent(8) }}
            as grid_source,
        jolpica.grid_position as jolpica_grid,
        openf1.grid_position as openf1_grid,
        jolpica.started_from_pit_lane as jolpica_pit_lane,
        openf1.started_from_pit_lane as openf1_pit_lane,
        {{ source_of('laps', 'jolpica.laps is not null', 'openf1.number_of_laps is not null') | indent(8) }}
            as laps_source,
        jolpica.laps as jolpica_laps,
        openf1.number_of_laps as openf1_laps,
        {{ source_of('race_time_s', 'jolpica.time_s is not null', 'openf1.duration_s is not null') | indent(8) }}
            as time_source,
        jolpica.time_s as jolpica_time_s,
        openf1.duration_s as openf1_time_s,
        openf1.gap_to_leader_s as openf1_gap_s,
        {{ source_of(
            'fastest_lap', 'jolpica.fastest_lap_time_s is not null', 'openf1.fastest_lap_time is not null'
        ) | indent(8) }} as fastest_lap_source,
        jolpica.fastest_lap_time_s as jolpica_fastest_s,
        jolpica.fastest_lap_number as jolpica_fastest_number,
        jolpica.fastest_lap_rank as jolpica_fastest_rank,
        openf1.fastest_lap_time as openf1_fastest_s,
        openf1.fastest_lap_number as openf1_fastest_number,
        openf1.fastest_lap_rank as openf1_fastest_rank
    from jolpica
    full outer join openf1
        on
            jolpica.season = openf1.season
            and jolpica.round_number = openf1.round_number
            and jolpica.session_category = openf1.session_category
            and jolpica.driver_id = openf1.matched_driver_id
            and (
                jolpica.cars = 1 and openf1.choice = 1
                or jolpica.cars > 1 and jolpica.car_number = openf1.driver_number
            )
    cross join precedence
),

chosen as (
    select
        *,
        {{ by_source('position_source', 'jolpica_position', 'openf1_position') | indent(8) }} as position,
        {{ by_source('position_source', 'jolpica_order', 'openf1_order') | indent(8) }} as position_order,
        {{ by_source('points_source', 'jolpica_points', 'openf1_points') | indent(8) }} as points,
        {{ by_source('grid_source', 'jolpica_grid', 'openf1_grid') | indent(8) }} as grid_position,
        {{ by_source('laps_source', 'jolpica_laps', 'openf1_laps') | indent(8) }} as laps,
        {{ by_source('time_source', 'jolpica_time_s', 'openf1_time_s') | indent(8) }} as race_time_s,
        coalesce(
            case when position_source = 'jolpica' then position_text end,
            cast(openf1_position as {{ dbt.type_string() }}),
            case openf1_status when 'DNS' then 'W' when 'DSQ' then 'D' when 'Not classified' then 'N' else 'R' end
        ) as shown_position
    from joined
),

compared as (
    select
        *,
        max(case when position is not null then laps end) over race as winner_laps,
        min(case when position = 1 then race_time_s end) over race as winner_time_s,
        count(*) over (
            partition by season, round_number, session_category, constructor_id, car_number, position_order
        ) as drivers_of_car
    from chosen
    window race as (partition by season, round_number, session_category)
)

select
    {{ surrogate_key([
        'compared.season', 'compared.round_number', 'compared.session_category', 'compared.driver_id',
        'compared.constructor_id', 'compared.car_number'
    ]) | indent(4) }} as race_result_key,
    compared.season,
    compared.round_number,
    compared.session_category,
    races.race_name,
    races.race_date,
    races.circuit_id,
    case compared.session_category when 'Race' then races.race_session_key else races.sprint_session_key end
        as session_key,
    races.meeting_key,
    compared.driver_id,
    coalesce(people.full_name, compared.full_name) as full_name,
    coalesce(compared.name_acronym, people.code) as name_acronym,
    compared.constructor_id,
    constructors.constructor_name,
    coalesce(compared.openf1_team_id, {{ team_of_constructor('compared.constructor_id') }}) as team_id,
    compared.car_number,
    compared.driver_number,
    compared.position,
    cast(compared.position_order as integer) as position_order,
    compared.shown_position as position_text,
    compared.position is not null as is_classified,
    case
        when compared.position is not null and compared.laps < compared.winner_laps then 'Lapped'
        when compared.position is not null then 'Finished'
        when compared.shown_position = 'D' then 'Disqualified'
        when compared.shown_position = 'E' then 'Excluded'
        when compared.shown_position = 'F' then 'Did not qualify'
        when compared.shown_position = 'W' and coalesce(compared.laps, 0) = 0 then 'Did not start'
        when compared.shown_position = 'N' then 'Not classified'
        else 'Retired'
    end as status_class,
    coalesce(compared.status, compared.openf1_status) as status_text,
    compared.points,
    compared.grid_position,
    case compared.grid_source
        when 'jolpica' then compared.jolpica_pit_lane else coalesce(compared.openf1_pit_lane, false)
    end as started_from_pit_lane,
    compared.laps,
    compared.race_time_s,
    case compared.time_source
        when 'openf1' then compared.openf1_gap_s
        when 'jolpica' then round(compared.race_time_s - compared.winner_time_s, 3)
    end as gap_to_leader_s,
    {{ by_source('compared.fastest_lap_source', 'compared.jolpica_fastest_s', 'compared.openf1_fastest_s') }}
        as fastest_lap_time_s,
    {{ by_source('compared.fastest_lap_source', 'compared.jolpica_fastest_number', 'compared.openf1_fastest_number') }}
        as fastest_lap_number,
    {{ by_source('compared.fastest_lap_source', 'compared.jolpica_fastest_rank', 'compared.openf1_fastest_rank') }}
        as fastest_lap_rank,
    compared.car_number is not null and compared.drivers_of_car > 1 as is_shared_drive,
    compared.in_jolpica,
    compared.in_openf1,
    compared.position_source,
    compared.points_source,
    compared.grid_source,
    compared.laps_source,
    compared.time_source,
    compared.fastest_lap_source
from compared
left join {{ ref('dim_races') }} as races
    on compared.season = races.season and compared.round_number = races.round_number
left join {{ ref('dim_people') }} as people
    on compared.driver_id = people.driver_id
left join {{ ref('dim_constructors') }} as constructors
    on compared.constructor_id = constructors.constructor_id
left join {{ ref('constructor_lineage') }} as lineage
    on
        compared.constructor_id = lineage.constructor_id
        and compared.season between lineage.first_season and lineage.last_season
