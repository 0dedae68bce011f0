{#-
One row per value on which Jolpica and OpenF1 disagree, in races, sprints and qualifying sessions that both have: the value of each
source, and the class of the difference. Seed reconciliation_classes has the classes that are explained, by a rule or by name; every
other difference is `new`, and a test warns. Values that only one source has are no difference, except where the row says so.

The rules are computed here from both sources, the values as served: the grid as OpenF1 numbers it, and not the one of fact_results.
-#}
with races as (
    select results.*, people.jolpica_driver_id
    from {{ ref('fact_race_results') }} as results
    left join {{ ref('dim_people') }} as people
        on results.driver_id = people.driver_id
),

-- races that both sources have
shared as (
    select season, round_number, session_category
    from races
    group by season, round_number, session_category
    having count(case when in_jolpica then 1 end) > 0 and count(case when in_openf1 then 1 end) > 0
),

jolpica as (
    {{ jolpica_results() | indent(4) }}
),

grids as (
    select
        sessions.meeting_key,
        case sessions.session_category when 'Qualifying' then 'Race' else 'Sprint' end as session_category,
        grid.driver_number,
        grid.position as grid_position,
        count(*) over (partition by grid.session_key) as grid_rows,
        row_number() over (
            partition by sessions.meeting_key, sessions.session_category, grid.driver_number
            order by sessions.date_start desc nulls last, grid.session_key desc
        ) as newness
    from {{ ref('silver_starting_grid') }} as grid
    inner join {{ ref('silver_sessions') }} as sessions
        on grid.session_key = sessions.session_key
    where sessions.session_category in ('Qualifying', 'Sprint Qualifying')
),

pairs as (
    select
        races.season,
        races.round_number,
        races.session_category,
        races.session_key,
        races.driver_id,
        races.in_jolpica,
        races.in_openf1,
        races.position_text,
        jolpica.classified_position as jolpica_position,
        openf1.position as openf1_position,
        jolpica.points as jolpica_points,
        openf1.points as openf1_points,
        jolpica.laps as jolpica_laps,
        openf1.number_of_laps as openf1_laps,
        jolpica.time_s as jolpica_time_s,
        openf1.duration_s as openf1_time_s,
        jolpica.grid_position as jolpica_grid,
        grids.grid_position as openf1_grid,
        grids.grid_rows as openf1_grid_rows,
        openf1.driver_id as openf1_driver_id,
        openf1.status as openf1_status,
        count(*) over race as cars,
        count(*) over (
            partition by races.season, races.round_number, races.session_category, jolpica.grid_position
        ) as cars_on_jolpica_grid,
        count(*) over (
            partition by races.season, races.round_number, races.session_category, grids.grid_position
        ) as cars_on_openf1_grid,
        min(case when jolpica.position_text = 'D' then jolpica.time_s end) over race
        < min(case when jolpica.classified_position = 1 then jolpica.time_s end) over race as is_winner_disqualified
    from races
    inner join shared
        on
            races.season = shared.season
            and races.round_number = shared.round_number
            and races.session_category = shared.session_category
    left join jolpica
        on
            races.in_jolpica
            and races.season = jolpica.season
            and races.round_number = jolpica.round_number
            and races.session_category = jolpica.session_category
            and races.jolpica_driver_id = jolpica.jolpica_driver_id
            and races.constructor_id = jolpica.constructor_id
            and races.car_number is not distinct from jolpica.car_number
    left join {{ ref('fact_results') }} as openf1
        on races.session_key = openf1.session_key and races.driver_number = openf1.driver_number
    left join grids
        on
            races.meeting_key = grids.meeting_key
            and races.session_category = grids.session_category
            and coalesce(races.driver_number, races.car_number) = grids.driver_number
            and grids.newness = 1
    window race as (partition by races.season, races.round_number, races.session_category)
),

qualifying as (
    select
        results.season,
        results.round_number,
        'Qualifying' as session_category,
        results.session_key,
        results.driver_id,
        jolpica.position as jolpica_position,
        openf1.position as openf1_position,
        {%- for part in ['q1_s', 'q2_s', 'q3_s'] %}
        jolpica.{{ part }} as jolpica_{{ part }},
        openf1.{{ part }} as openf1_{{ part }},
        {%- endfor %}
        coalesce(openf1.q1_s, openf1.q2_s, openf1.q3_s) is null as has_no_openf1_times,
        count(case when openf1.position is null then 1 end) over (
            partition by results.season, results.round_number
            order by jolpica.position nulls last rows between unbounded preceding and 1 preceding
        ) as unplaced_ahead
    from {{ ref('fact_qualifying') }} as results
    left join {{ ref('dim_people') }} as people
        on results.driver_id = people.driver_id
    left join {{ ref('silver_jolpica_qualifying') }} as jolpica
        on
            results.season = jolpica.season
            and results.round_number = jolpica.round
            and people.jolpica_driver_id = jolpica.driver_id
    left join {{ ref('fact_results') }} as openf1
        on results.session_key = openf1.session_key and results.driver_number = openf1.driver_number
    where results.in_jolpica and results.in_openf1
),

-- both sources have the stops of the race, or OpenF1 has none of a race whose result it has
stops as (
    select
        jolpica.season,
        jolpica.round_number,
        races.race_session_key as session_key,
        jolpica.driver_id,
        jolpica.lap_number,
        jolpica.pit_lane_duration_s as jolpica_duration_s,
        openf1.lane_duration_s as openf1_duration_s,
        openf1.lap_number is not null as in_openf1,
        sum(case when openf1.lap_number is null then 0 else 1 end) over (
            partition by jolpica.season, jolpica.round_number
        ) as openf1_stops
    from (
        select *, count(*) over (partition by season, round_number, driver_id, lap_number) as stops_of_lap
        from {{ ref('fact_race_pit_stops') }}
    ) as jolpica
    inner join shared
        on
            jolpica.season = shared.season
            and jolpica.round_number = shared.round_number
            and shared.session_category = 'Race'
    inner join {{ ref('dim_races') }} as races
        on jolpica.season = races.season and jolpica.round_number = races.round_number
    left join (
        select session_key, driver_id, lap_number, max(lane_duration_s) as lane_duration_s
        from {{ ref('fact_pit_stops') }}
        group by session_key, driver_id, lap_number
    ) as openf1
        on
            races.race_session_key = openf1.session_key
            and jolpica.driver_id = openf1.driver_id
            and jolpica.lap_number = openf1.lap_number
    where jolpica.duration_source = 'jolpica' and jolpica.stops_of_lap = 1
),

lap_times as (
    select
        jolpica.season,
        jolpica.round_number,
        openf1.session_key,
        jolpica.driver_id,
        jolpica.lap_number,
        jolpica.lap_time_s as jolpica_time_s,
        openf1.lap_duration as openf1_time_s
    from {{ ref('fact_lap_times') }} as jolpica
    inner join {{ ref('dim_races') }} as races
        on jolpica.season = races.season and jolpica.round_number = races.round_number
    inner join {{ ref('fact_laps') }} as openf1
        on
            races.race_session_key = openf1.session_key
            and jolpica.driver_id = openf1.driver_id
            and jolpica.lap_number = openf1.lap_number
),

dates as (
    select
        races.season,
        races.round_number,
        races.race_session_key as session_key,
        jolpica.race_date as jolpica_date,
        cast(sessions.date_start as date) as openf1_date
    from {{ ref('dim_races') }} as races
    inner join {{ ref('silver_jolpica_races') }} as jolpica
        on races.season = jolpica.season and races.round_number = jolpica.round
    inner join {{ ref('silver_sessions') }} as sessions
        on races.race_session_key = sessions.session_key
    where jolpica.race_date is not null and sessions.date_start is not null
),

differences as (
    {%- set text = dbt.type_string() %}
    {%- set result_columns = [
        ('position', 'jolpica_position', 'openf1_position', 'jolpica_position is distinct from openf1_position',
            "case when jolpica_position is null or openf1_position is null and openf1_status in ('DNF', 'DNS', 'DSQ')"
            ~ " then 'unclassified' end"),
        ('points', 'jolpica_points', 'openf1_points', 'abs(jolpica_points - openf1_points) > 0.001', 'null'),
        ('laps', 'jolpica_laps', 'openf1_laps', 'jolpica_laps is distinct from openf1_laps',
            "case when openf1_laps is null and (position_text = 'D' or openf1_status = 'DSQ') then 'disqualified' end"),
        ('race_time_s', 'jolpica_time_s', 'openf1_time_s', 'abs(jolpica_time_s - openf1_time_s) > 0.0015',
            "case when is_winner_disqualified then 'winner disqualified' end"),
    ] %}
    {%- for column, jolpica_value, openf1_value, condition, rule in result_columns %}
    select
        season, round_number, session_category, session_key, driver_id, '{{ column }}' as column_name,
        cast(null as integer) as item_number,
        cast({{ jolpica_value }} as {{ text }}) as jolpica_value, cast({{ openf1_value }} as {{ text }}) as openf1_value,
        cast({{ openf1_value }} - {{ jolpica_value }} as {{ type_double() }}) as difference,
        {{ rule }} as rule
    from pairs
    where in_jolpica and in_openf1 and {{ condition }}

    union all
    {% endfor %}
    select
        season, round_number, session_category, session_key, driver_id, 'grid_position' as column_name,
        null as item_number,
        cast(jolpica_grid as {{ text }}) as jolpica_value, cast(openf1_grid as {{ text }}) as openf1_value,
        cast(openf1_grid - jolpica_grid as {{ type_double() }}) as difference,
        case
            when jolpica_grid is null then 'no grid position'
            when
                cars_on_jolpica_grid = 1 and jolpica_grid <= cars
                and cars_on_openf1_grid = 1 and openf1_grid <= openf1_grid_rows
                then 'reordered'
        end as rule
    from pairs
    where in_jolpica and openf1_grid is not null and jolpica_grid is distinct from openf1_grid

    union all

    -- a driver that one source does not list, or lists under another name
    select
        season, round_number, session_category, session_key, driver_id, 'driver_id' as column_name, null as item_number,
        case when in_jolpica then driver_id end as jolpica_value, openf1_driver_id as openf1_value, null as difference,
        case when not in_openf1 and position_text in ('W', 'F', 'E') then 'no start' end as rule
    from pairs
    where not in_jolpica or not in_openf1 or openf1_driver_id <> driver_id

    union all

    {%- for part in ['q1_s', 'q2_s', 'q3_s'] %}
    select
        season, round_number, session_category, session_key, driver_id, '{{ part }}' as column_name, null as item_number,
        cast(jolpica_{{ part }} as {{ text }}) as jolpica_value, cast(openf1_{{ part }} as {{ text }}) as openf1_value,
        openf1_{{ part }} - jolpica_{{ part }} as difference,
        case when has_no_openf1_times then 'no times' end as rule
    from qualifying
    where
        coalesce(abs(jolpica_{{ part }} - openf1_{{ part }}) > 0.0005, jolpica_{{ part }} is distinct from openf1_{{ part }})

    union all
    {% endfor %}
    select
        season, round_number, session_category, session_key, driver_id, 'position' as column_name, null as item_number,
        cast(jolpica_position as {{ text }}) as jolpica_value, cast(openf1_position as {{ text }}) as openf1_value,
        cast(openf1_position - jolpica_position as {{ type_double() }}) as difference,
        case
            when openf1_position is null then 'unclassified'
            when jolpica_position - openf1_position = unplaced_ahead then 'moved up'
        end as rule
    from qualifying
    where jolpica_position is distinct from openf1_position

    union all

    -- OpenF1 cuts the durations of stops to tenths
    select
        season, round_number, 'Race' as session_category, session_key, driver_id,
        'pit_lane_duration_s' as column_name, lap_number as item_number,
        cast(jolpica_duration_s as {{ text }}) as jolpica_value, cast(openf1_duration_s as {{ text }}) as openf1_value,
        openf1_duration_s - jolpica_duration_s as difference,
        case when openf1_stops = 0 then 'no stops' end as rule
    from stops
    where not in_openf1 or abs(openf1_duration_s - jolpica_duration_s) > 0.1

    union all

    select
        season, round_number, 'Race' as session_category, session_key, driver_id, 'lap_time_s' as column_name,
        lap_number as item_number,
        cast(jolpica_time_s as {{ text }}) as jolpica_value, cast(openf1_time_s as {{ text }}) as openf1_value,
        openf1_time_s - jolpica_time_s as difference,
        case when lap_number = 1 and openf1_time_s between jolpica_time_s and jolpica_time_s + 1 then 'first lap' end
            as rule
    from lap_times
    where abs(openf1_time_s - jolpica_time_s) > 0.0005

    union all

    select
        season, round_number, 'Race' as session_category, session_key, null as driver_id, 'race_date' as column_name,
        null as item_number,
        cast(jolpica_date as {{ text }}) as jolpica_value, cast(openf1_date as {{ text }}) as openf1_value,
        null as difference, null as rule
    from dates
    where jolpica_date <> openf1_date
),

named as (
    select season, round_number, session_category, column_name, driver_id, max(class) as class, max(reason) as reason
    from {{ ref('reconciliation_classes') }}
    where season is not null
    group by season, round_number, session_category, column_name, driver_id
),

rules as (
    select column_name, rule, max(class) as class, max(reason) as reason
    from {{ ref('reconciliation_classes') }}
    where rule is not null
    group by column_name, rule
)

select
    {{ surrogate_key([
        'differences.season', 'differences.round_number', 'differences.session_category', 'differences.driver_id',
        'differences.column_name', 'differences.item_number'
    ]) | indent(4) }} as reconciliation_key,
    differences.season,
    differences.round_number,
    differences.session_category,
    differences.session_key,
    differences.driver_id,
    differences.column_name,
    differences.item_number,
    differences.jolpica_value,
    differences.openf1_value,
    round(differences.difference, 3) as difference,
    coalesce(named.class, rules.class, 'new') as class,
    coalesce(named.reason, rules.reason) as reason
from differences
left join named
    on
        differences.season = named.season
        and differences.round_number = named.round_number
        and differences.session_category = named.session_category
        and differences.column_name = named.column_name
        and coalesce(differences.driver_id, '') = coalesce(named.driver_id, '')
left join rules
    on differences.column_name = rules.column_name and differences.rule = rules.rule
