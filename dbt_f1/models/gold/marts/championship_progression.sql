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
{#- Counts of positions as digits of numbers: two per position, the best position first. The higher number is better. -#}
{%- set countback = [] -%}
{%- for column in ['position', 'retirement_position'] -%}
{%- for first in [1, 19, 37] -%}
{%- do countback.append({'name': column ~ 's_from_' ~ first, 'column': column, 'first': first, 'last': first + 17}) -%}
{%- endfor -%}
{%- endfor -%}
{%- set names = ['name_acronym', 'full_name', 'team_id', 'constructor_id', 'team_name'] -%}
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

finishes_of_round as (
    select
        championship,
        season,
        round_number,
        entrant_id,
        {%- for number in countback %}
        sum(
            case
                when {{ number.column }} between {{ number.first }} and {{ number.last }}
                    then cast(rpad('1', 1 + 2 * ({{ number.last }} - {{ number.column }}), '0') as decimal(38, 0))
                else 0
            end
        ) as {{ number.name }},
        {%- endfor %}
        count(case when position = 1 then 1 end) as wins
    from finishes
    group by championship, season, round_number, entrant_id
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

points_of_round as (
    select
        championship,
        season,
        round_number,
        entrant_id,
        sum(points) as points,
        count(case when points > 0 then 1 end) as results
    from round_results
    group by championship, season, round_number, entrant_id
),

-- after each round, the results that are not among the best of their part of the season
results_so_far as (
    select
        {%- for column in key %}
        grid.{{ column }},
        {%- endfor %}
        results.points,
        row_number() over (
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
    where results.counted_results is not null and results.points > 0
),

dropped as (
    select
        {%- for column in key %}
        {{ column }},
        {%- endfor %}
        sum(points) as points,
        count(*) as results
    from results_so_far
    where not is_counted
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

running as (
    select
        grid.*,
        {%- for column in names %}
        {{ last_non_null('cars.' ~ column) }} over so_far as {{ column }},
        {%- endfor %}
        coalesce(points_of_round.points, 0) as round_points,
        coalesce(sum(points_of_round.points) over so_far, 0) as gross_points,
        coalesce(sum(points_of_round.results) over so_far, 0) as results,
        {%- for number in countback %}
        coalesce(sum(finishes_of_round.{{ number.name }}) over so_far, 0) as {{ number.name }},
        {%- endfor %}
        coalesce(sum(finishes_of_round.wins) over so_far, 0) as wins
    from grid
    left join points_of_round
        on
            grid.championship = points_of_round.championship
            and grid.season = points_of_round.season
            and grid.round_number = points_of_round.round_number
            and grid.entrant_id = points_of_round.entrant_id
    left join finishes_of_round
        on
            grid.championship = finishes_of_round.championship
            and grid.season = finishes_of_round.season
            and grid.round_number = finishes_of_round.round_number
            and grid.entrant_id = finishes_of_round.entrant_id
    left join cars
        on
            grid.championship = cars.championship
            and grid.season = cars.season
            and grid.round_number = cars.round_number
            and grid.entrant_id = cars.entrant_id
            and cars.choice = 1
    window so_far as (
        partition by grid.championship, grid.season, grid.entrant_id
        order by grid.round_number rows between unbounded preceding and current row
    )
),

standings as (
    select
        running.*,
        -- thirds and sevenths of points must not decide a rank by their last digit
        round(running.gross_points - coalesce(dropped.points, 0) + coalesce(adjusted.points, 0), 4) as points,
        coalesce(dropped.results, 0) as results_dropped,
        adjusted.exclusion,
        case
            when rules.full_ties = 'name' then lower(people.family_name || ' ' || people.given_name)
        end as name_of_tied
    from running
    left join dropped
        on
            running.championship = dropped.championship
            and running.season = dropped.season
            and running.round_number = dropped.round_number
            and running.entrant_id = dropped.entrant_id
    left join adjusted
        on
            running.championship = adjusted.championship
            and running.season = adjusted.season
            and running.round_number = adjusted.round_number
            and running.entrant_id = adjusted.entrant_id
    left join {{ ref('championship_rules') }} as rules
        on
            running.championship = rules.championship
            and running.season between rules.first_season and rules.last_season
    left join {{ ref('dim_people') }} as people
        on running.championship = 'drivers' and running.entrant_id = people.driver_id
),

ranked as (
    select
        {%- for column in key %}
        {{ column }},
        {%- endfor %}
        case when exclusion is null then rank() over by_rank end as championship_rank,
        coalesce(
            lag(points) over by_rank = points
            {%- for number in countback %}
            and lag({{ number.name }}) over by_rank = {{ number.name }}
            {%- endfor %}
            or lead(points) over by_rank = points
            {%- for number in countback %}
            and lead({{ number.name }}) over by_rank = {{ number.name }}
            {%- endfor %},
            false
        ) as is_tied,
        case when exclusion is null then first_value(points) over by_rank - points end as points_behind_leader
    from standings
    window by_rank as (
        partition by championship, season, round_number, exclusion order by
            points desc,
            {%- for number in countback %}
            {{ number.name }} desc,
            {%- endfor %}
            name_of_tied
    )
),

ranks as (
    select
        *,
        lag(championship_rank) over (partition by championship, season, entrant_id order by round_number)
        - championship_rank as ranks_gained
    from ranked
)

select
    {{ surrogate_key(['standings.championship', 'standings.season', 'standings.round_number', 'standings.entrant_id'])
        | indent(4) }} as progression_key,
    standings.championship,
    standings.season,
    standings.round_number,
    standings.entrant_id,
    case when standings.championship = 'drivers' then standings.entrant_id end as driver_id,
    standings.name_acronym,
    standings.full_name,
    standings.team_id,
    standings.constructor_id,
    standings.team_name,
    standings.meeting_key,
    meetings.meeting_name,
    standings.session_key,
    cast(standings.round_points as {{ type_double() }}) as round_points,
    cast(standings.points as {{ type_double() }}) as points,
    cast(round(standings.gross_points, 4) as {{ type_double() }}) as gross_points,
    cast(standings.results - standings.results_dropped as integer) as results_counted,
    cast(standings.results_dropped as integer) as results_dropped,
    cast(ranks.championship_rank as integer) as championship_rank,
    ranks.is_tied,
    standings.exclusion,
    cast(ranks.points_behind_leader as {{ type_double() }}) as points_behind_leader,
    cast(standings.wins as integer) as wins,
    cast(ranks.ranks_gained as integer) as ranks_gained,
    cast(standings.rounds_counted as integer) as rounds_counted,
    standings.rounds_counted = standings.round_number
    and standings.sprints_missing = 0
    and coalesce(
        case standings.championship when 'drivers' then rounds_short.drivers_short else rounds_short.teams_short end, 0
    ) = 0 as is_complete
from standings
inner join ranks
    on
        standings.championship = ranks.championship
        and standings.season = ranks.season
        and standings.round_number = ranks.round_number
        and standings.entrant_id = ranks.entrant_id
left join rounds_short
    on standings.season = rounds_short.season and standings.round_number = rounds_short.round_number
left join {{ ref('dim_meetings') }} as meetings
    on standings.meeting_key = meetings.meeting_key
