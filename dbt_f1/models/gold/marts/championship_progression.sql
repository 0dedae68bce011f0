{#-
The championships after each round since 1950, computed from the official classifications by the rules of the season (seed
championship_rules): one row per championship, season, round and driver or constructor. Sprint points count for their round. Every
entrant of an earlier round has a row, also in rounds that they missed.

`points` are those that count: until 1990 only the best results of the season, or of each part of the season, counted, and until
1978 only the best car of a constructor. A result is one car in one session: who drove two cars in a race has two results.
`gross_points` are the sum of all results. Half points, shared points and points for the fastest lap are in the served points.
Deductions and exclusions are in the seed championship_adjustments; who is excluded has no rank.

Equal points are ranked by count-back: more wins, then more second positions, and so on, in Grands Prix only (a sprint win is not
a win; a disqualified driver has no position), then by the same comparison over the positions in which cars retired. Entrants that
are equal in all of them share the rank since 2023, as the official standings do; until 2022 these list drivers by family name.

A round whose race is missing in the lake has only the points of its sprint, one whose sprint is missing only those of its race,
and all later sums are too low. The same applies after a session with missing points (int_points_missing), unless the points are
Jolpica's: OpenF1 serves none for a driver in a scoring position, or serves them for a number that is in no list of the season, or
for a session that belongs to no round. `is_complete` is false from there on.
-#}
{%- set key = ['championship', 'season', 'round_number', 'entrant_id'] -%}
{%- set names = ['name_acronym', 'full_name', 'team_id', 'constructor_id', 'team_name'] -%}
{%- set times = "lpad(cast(999 - finishes as " ~ dbt.type_string() ~ "), 3, '0')" -%}
{%- set position = "lpad(cast(position as " ~ dbt.type_string() ~ "), 3, '0') || " ~ times -%}
{%- set retirement = "lpad(cast(retirement_position as " ~ dbt.type_string() ~ "), 3, '0') || " ~ times -%}
with results as (
    select
        results.*,
        results.constructor_name as team_name,
        sessions.date_start
    from {{ ref('fact_race_results') }} as results
    left join {{ ref('dim_sessions') }} as sessions
        on results.session_key = sessions.session_key
    where results.session_category in ('Race', 'Sprint') and results.round_number is not null
),

rounds_held as (
    select
        season,
        round_number,
        max(meeting_key) as meeting_key,
        max(case when session_category = 'Race' then session_key end) as race_key,
        max(case when session_category = 'Race' then 1 end) as has_race,
        max(date_start) as date_start,
        max(session_key) as any_key
    from results
    group by season, round_number
),

sprints_scheduled as (
    select season, round_number from {{ ref('dim_sessions') }} where is_sprint and not is_cancelled
    union
    select season, round as round_number from {{ ref('silver_jolpica_races') }} where sprint_date is not null
),

sprints_missing as (
    select scheduled.season, scheduled.round_number, count(*) as sprints
    from sprints_scheduled as scheduled
    left join (select distinct season, round_number from results where session_category = 'Sprint') as held
        on scheduled.season = held.season and scheduled.round_number = held.round_number
    where held.season is null
    group by scheduled.season, scheduled.round_number
),

-- sessions whose points are in no row or were not served; a session without a date counts for all rounds
points_missing as (
    select sessions.season, sessions.date_start, missing.reason
    from {{ ref('int_points_missing') }} as missing
    inner join {{ ref('silver_sessions') }} as sessions
        on missing.session_key = sessions.session_key
    left join (select distinct session_key from results where points_source = 'jolpica') as served_by_jolpica
        on missing.session_key = served_by_jolpica.session_key
    where served_by_jolpica.session_key is null

    union all

    select results.season, sessions.date_start, 'No round' as reason
    from {{ ref('fact_results') }} as results
    left join {{ ref('dim_sessions') }} as sessions
        on results.session_key = sessions.session_key
    where results.points > 0 and sessions.round_number is null
),

rounds_short as (
    select
        held.season,
        held.round_number,
        max(case when missing.reason <> 'No team' then 1 else 0 end) as drivers_short,
        1 as teams_short
    from rounds_held as held
    inner join points_missing as missing
        on held.season = missing.season and (missing.date_start is null or missing.date_start <= held.date_start)
    group by held.season, held.round_number
),

-- a round counts when its race is in the data, not with the sprint alone
numbered_rounds as (
    select
        held.season,
        held.round_number,
        held.meeting_key,
        coalesce(held.race_key, held.any_key) as session_key,
        count(held.has_race) over so_far as rounds_counted,
        sum(coalesce(missing.sprints, 0)) over so_far as sprints_missing
    from rounds_held as held
    left join sprints_missing as missing
        on held.season = missing.season and held.round_number = missing.round_number
    window so_far as (
        partition by held.season order by held.round_number rows between unbounded preceding and current row
    )
),

entries as (
    select 'drivers' as championship, driver_id as entrant_id, results.*
    from results
    -- a number that is in no list of drivers
    where driver_id not like 'unknown-%'

    union all

    select 'teams' as championship, constructor_id as entrant_id, results.*
    from results
    where team_id <> 'unknown-team' and constructor_id is not null
),

scored as (
    select
        entries.championship,
        entries.season,
        entries.round_number,
        entries.session_category,
        entries.entrant_id,
        case when entries.championship = 'drivers' then entries.name_acronym end as name_acronym,
        case when entries.championship = 'drivers' then entries.full_name end as full_name,
        entries.team_id,
        entries.constructor_id,
        entries.team_name,
        entries.car_number,
        entries.position,
        -- only Jolpica has the order of cars that are not classified
        case when not entries.is_classified and entries.position_source = 'jolpica' then entries.position_order end
            as retirement_position,
        case
            when rules.points_system is null then coalesce(entries.points, 0)
            else least(coalesce(entries.points, 0), coalesce(systems.points, 0))
        end as points,
        rules.counts_best_car_only,
        case when entries.round_number > rules.first_part_rounds then 2 else 1 end as season_part,
        case
            when entries.round_number > rules.first_part_rounds then rules.counted_results_second_part
            else rules.counted_results
        end as counted_results
    from entries
    inner join {{ ref('championship_rules') }} as rules
        on entries.championship = rules.championship and entries.season between rules.first_season and rules.last_season
    left join {{ ref('points_systems') }} as systems
        on
            rules.points_system = systems.points_system
            and entries.session_category = systems.session_category
            and entries.position = systems.position
    where coalesce(rules.excluded_circuit_id <> entries.circuit_id, true)
),

cars as (
    select
        *,
        row_number() over (
            partition by championship, season, round_number, session_category, entrant_id
            order by points desc, position nulls last, car_number nulls last
        ) as car,
        -- the race of the round sets the team
        row_number() over (
            partition by championship, season, round_number, entrant_id
            order by
                session_category, points desc, position nulls last, retirement_position nulls last, constructor_id,
                car_number nulls last
        ) as choice
    from scored
),

round_results as (
    select * from cars where car = 1 or not counts_best_car_only
),

-- two drivers of one car finish once for its constructor
finishes as (
    select distinct
        cars.championship,
        cars.season,
        cars.round_number,
        cars.entrant_id,
        cars.position,
        cars.retirement_position
    from cars
    left join {{ ref('championship_adjustments') }} as adjustments
        on
            cars.championship = adjustments.championship
            and cars.season = adjustments.season
            and cars.entrant_id = adjustments.entrant_id
            and not adjustments.counts_finishes
    where
        cars.session_category = 'Race'
        and coalesce(cars.position, cars.retirement_position) is not null
        and adjustments.season is null
),

entrants as (
    select championship, season, entrant_id, min(round_number) as first_round
    from scored
    group by championship, season, entrant_id
),

grid as (
    select
        entrants.championship,
        entrants.season,
        rounds.round_number,
        rounds.rounds_counted,
        rounds.sprints_missing,
        rounds.meeting_key,
        rounds.session_key,
        entrants.entrant_id
    from entrants
    inner join numbered_rounds as rounds
        on entrants.season = rounds.season and entrants.first_round <= rounds.round_number
),

results_so_far as (
    select
        {%- for column in key %}
        grid.{{ column }},
        {%- endfor %}
        results.points,
        case when results.round_number = grid.round_number then results.points else 0 end as round_points,
        results.counted_results is null
        or row_number() over (
            partition by grid.championship, grid.season, grid.round_number, grid.entrant_id, results.season_part
            order by results.points desc, results.round_number
        ) <= results.counted_results as is_counted
    from grid
    inner join round_results as results
        on
            grid.championship = results.championship
            and grid.season = results.season
            and grid.entrant_id = results.entrant_id
            and grid.round_number >= results.round_number
),

summed as (
    select
        {%- for column in key %}
        {{ column }},
        {%- endfor %}
        sum(round_points) as round_points,
        sum(points) as gross_points,
        sum(case when is_counted then points else 0 end) as points,
        count(case when is_counted and points > 0 then 1 end) as results_counted,
        count(case when not is_counted and points > 0 then 1 end) as results_dropped
    from results_so_far
    group by championship, season, round_number, entrant_id
),

finishes_so_far as (
    select
        {%- for column in key %}
        grid.{{ column }},
        {%- endfor %}
        finishes.position,
        finishes.retirement_position,
        count(*) as finishes
    from grid
    inner join finishes
        on
            grid.championship = finishes.championship
            and grid.season = finishes.season
            and grid.entrant_id = finishes.entrant_id
            and grid.round_number >= finishes.round_number
    group by grid.championship, grid.season, grid.round_number, grid.entrant_id, finishes.position, finishes.retirement_position
),

-- texts that sort as the count-back: positions from the best on, each with its count, the higher count first
countback as (
    select
        {%- for column in key %}
        {{ column }},
        {%- endfor %}
        max(case when position = 1 then finishes else 0 end) as wins,
        {{ text_list(position, '', 'position') }} as positions,
        {{ text_list(retirement, '', 'retirement_position') }} as retirement_positions
    from finishes_so_far
    group by championship, season, round_number, entrant_id
),

adjusted as (
    select
        {%- for column in key %}
        grid.{{ column }},
        {%- endfor %}
        sum(adjustments.points) as points,
        max(adjustments.exclusion) as exclusion
    from grid
    inner join {{ ref('championship_adjustments') }} as adjustments
        on
            grid.championship = adjustments.championship
            and grid.season = adjustments.season
            and grid.entrant_id = adjustments.entrant_id
            and grid.round_number between adjustments.first_round and adjustments.last_round
    group by grid.championship, grid.season, grid.round_number, grid.entrant_id
),

standings as (
    select
        grid.*,
        {%- for column in names %}
        {{ last_non_null('cars.' ~ column) }} over (
            partition by grid.championship, grid.season, grid.entrant_id
            order by grid.round_number rows between unbounded preceding and current row
        ) as {{ column }},
        {%- endfor %}
        coalesce(summed.round_points, 0) as round_points,
        -- thirds and sevenths of points must not decide a rank by their last digit
        round(coalesce(summed.points, 0) + coalesce(adjusted.points, 0), 4) as points,
        round(coalesce(summed.gross_points, 0), 4) as gross_points,
        coalesce(summed.results_counted, 0) as results_counted,
        coalesce(summed.results_dropped, 0) as results_dropped,
        coalesce(countback.wins, 0) as wins,
        coalesce(countback.positions, '') || '999' as positions,
        coalesce(countback.retirement_positions, '') || '999' as retirement_positions,
        adjusted.exclusion,
        case
            when rules.full_ties = 'name' then lower(people.family_name || ' ' || people.given_name)
        end as name_of_tied
    from grid
    left join summed
        on
            grid.championship = summed.championship
            and grid.season = summed.season
            and grid.round_number = summed.round_number
            and grid.entrant_id = summed.entrant_id
    left join countback
        on
            grid.championship = countback.championship
            and grid.season = countback.season
            and grid.round_number = countback.round_number
            and grid.entrant_id = countback.entrant_id
    left join adjusted
        on
            grid.championship = adjusted.championship
            and grid.season = adjusted.season
            and grid.round_number = adjusted.round_number
            and grid.entrant_id = adjusted.entrant_id
    left join cars
        on
            grid.championship = cars.championship
            and grid.season = cars.season
            and grid.round_number = cars.round_number
            and grid.entrant_id = cars.entrant_id
            and cars.choice = 1
    left join {{ ref('championship_rules') }} as rules
        on grid.championship = rules.championship and grid.season between rules.first_season and rules.last_season
    left join {{ ref('dim_people') }} as people
        on grid.championship = 'drivers' and grid.entrant_id = people.driver_id
),

ranked as (
    select
        *,
        case
            when exclusion is null then rank() over (
                partition by championship, season, round_number, exclusion
                order by points desc, positions, retirement_positions, name_of_tied
            )
        end as championship_rank,
        count(*) over (
            partition by championship, season, round_number, exclusion, points, positions, retirement_positions
        ) as entrants_tied,
        max(case when exclusion is null then points end) over (partition by championship, season, round_number)
            as leader_points
    from standings
)

select
    {{ surrogate_key(['ranked.championship', 'ranked.season', 'ranked.round_number', 'ranked.entrant_id']) | indent(4) }}
        as progression_key,
    ranked.championship,
    ranked.season,
    ranked.round_number,
    ranked.entrant_id,
    case when championship = 'drivers' then entrant_id end as driver_id,
    name_acronym,
    full_name,
    team_id,
    constructor_id,
    team_name,
    ranked.meeting_key,
    meetings.meeting_name,
    session_key,
    cast(round_points as {{ type_double() }}) as round_points,
    cast(points as {{ type_double() }}) as points,
    cast(gross_points as {{ type_double() }}) as gross_points,
    cast(results_counted as integer) as results_counted,
    cast(results_dropped as integer) as results_dropped,
    cast(championship_rank as integer) as championship_rank,
    entrants_tied > 1 as is_tied,
    exclusion,
    cast(case when exclusion is null then leader_points - points end as {{ type_double() }}) as points_behind_leader,
    cast(wins as integer) as wins,
    cast(
        lag(championship_rank) over (partition by championship, ranked.season, entrant_id order by ranked.round_number)
        - championship_rank as integer
    ) as ranks_gained,
    cast(rounds_counted as integer) as rounds_counted,
    rounds_counted = ranked.round_number
    and sprints_missing = 0
    and coalesce(case championship when 'drivers' then rounds_short.drivers_short else rounds_short.teams_short end, 0) = 0
        as is_complete
from ranked
left join rounds_short
    on ranked.season = rounds_short.season and ranked.round_number = rounds_short.round_number
left join {{ ref('dim_meetings') }} as meetings
    on ranked.meeting_key = meetings.meeting_key
