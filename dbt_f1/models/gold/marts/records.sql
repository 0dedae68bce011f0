{#-
The ten best of each record of history, drivers and constructors: one row per record and holder. Equal values share the rank. The query
that proves a record is in docs/records.md under the name of the record.

A streak is a number of consecutive races: one in which the entrant did not take part ends it. The Indianapolis 500 of 1950 to 1960 is
left out of them, because hardly anyone else of the season drove in it. Shared drives count for each driver. Sprints do not count.
-#}
{%- set careers = [
    ('most_wins', 'driver', 'wins'),
    ('most_pole_positions', 'driver', 'poles'),
    ('most_podiums', 'driver', 'podiums'),
    ('most_titles', 'driver', 'titles'),
    ('most_starts', 'driver', 'starts'),
    ('most_points_by_todays_system', 'driver', 'points_today'),
    ('most_wins_of_a_constructor', 'constructor', 'wins'),
    ('most_pole_positions_of_a_constructor', 'constructor', 'poles'),
    ('most_titles_of_a_constructor', 'constructor', 'titles')
] -%}
{%- set seasons = [
    ('most_wins_in_a_season', 'driver', 'wins'),
    ('most_pole_positions_in_a_season', 'driver', 'poles'),
    ('most_podiums_in_a_season', 'driver', 'podiums'),
    ('most_wins_of_a_constructor_in_a_season', 'constructor', 'wins')
] -%}
{%- set streaks = [
    ('most_wins_in_a_row', 'driver', 'is_win'),
    ('most_pole_positions_in_a_row', 'driver', 'is_pole'),
    ('most_podiums_in_a_row', 'driver', 'podiums > 0'),
    ('most_points_finishes_in_a_row', 'driver', 'points > 0'),
    ('most_wins_of_a_constructor_in_a_row', 'constructor', 'is_win')
] -%}
{%- set columns = 'entrant_type, entrant_id, value, lowest_first, from_season, from_round, to_season, to_round' -%}
with races as (
    select * from {{ ref('entrant_races') }} where session_category = 'Race' and is_start
),

numbered_races as (
    select
        season,
        round_number,
        row_number() over (order by season, round_number) as race
    from races
    where circuit_id is distinct from 'indianapolis' or season > 1960
    group by season, round_number
),

streak_parts as (
    {%- for record, entrant_type, condition in streaks %}
    select
        '{{ record }}' as record,
        races.entrant_type,
        races.entrant_id,
        races.season,
        races.round_number,
        numbered_races.race - row_number() over (
            partition by races.entrant_type, races.entrant_id order by numbered_races.race
        ) as streak
    from races
    inner join numbered_races
        on races.season = numbered_races.season and races.round_number = numbered_races.round_number
    where entrant_type = '{{ entrant_type }}' and {{ condition }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

streaks as (
    select
        record,
        entrant_type,
        entrant_id,
        count(*) as value,
        min(season * 100 + round_number) as first_race,
        max(season * 100 + round_number) as last_race
    from streak_parts
    group by record, entrant_type, entrant_id, streak
),

first_wins as (
    select entrant_type, entrant_id, min(start_number) as start_number, min(season * 100 + round_number) as race
    from races
    where entrant_type = 'driver' and is_win
    group by entrant_type, entrant_id
),

spans as (
    select
        entrant_type,
        entrant_id,
        min(season) as first_season,
        min_by(round_number, season * 100 + round_number) as first_round,
        max(season) as last_season,
        max_by(round_number, season * 100 + round_number) as last_round
    from races
    group by entrant_type, entrant_id
),

careers as (
    select
        summary.entrant_type,
        summary.entrant_id,
        summary.entrant_name,
        summary.starts,
        summary.wins,
        summary.poles,
        summary.podiums,
        summary.titles,
        summary.points_today,
        summary.wins_pct,
        spans.first_season,
        spans.first_round,
        spans.last_season,
        spans.last_round
    from {{ ref('career_summary') }} as summary
    inner join spans
        on summary.entrant_type = spans.entrant_type and summary.entrant_id = spans.entrant_id
),

wins as (
    select * from races where entrant_type = 'driver' and is_win
),

found as (
    {%- for record, entrant_type, column in careers %}
    select
        '{{ record }}' as record, entrant_type, entrant_id, cast({{ column }} as {{ type_double() }}) as value,
        false as lowest_first, first_season as from_season, first_round as from_round, last_season as to_season,
        last_round as to_round
    from careers
    where entrant_type = '{{ entrant_type }}'

    union all
    {% endfor %}
    {%- for record, entrant_type, column in seasons %}
    select
        '{{ record }}', entrant_type, entrant_id, {{ column }}, false, season, first_round, season as to_season, last_round
    from {{ ref('season_summary') }}
    where entrant_type = '{{ entrant_type }}'

    union all
    {% endfor %}
    select
        record, entrant_type, entrant_id, value, false, cast(floor(first_race / 100.0) as integer),
        first_race - 100 * cast(floor(first_race / 100.0) as integer), cast(floor(last_race / 100.0) as integer),
        last_race - 100 * cast(floor(last_race / 100.0) as integer)
    from streaks

    union all

    -- the share of a few races says little
    select
        'highest_share_of_wins', entrant_type, entrant_id, wins_pct, false, first_season, first_round, last_season, last_round
    from careers
    where entrant_type = 'driver' and starts >= 20

    union all

    select
        'youngest_winner', entrant_type, entrant_id, min(age_days), true, min_by(season, age_days),
        min_by(round_number, age_days), min_by(season, age_days), min_by(round_number, age_days)
    from wins
    where age_days is not null
    group by entrant_type, entrant_id

    union all

    select
        'oldest_winner', entrant_type, entrant_id, max(age_days), false, max_by(season, age_days),
        max_by(round_number, age_days), max_by(season, age_days), max_by(round_number, age_days)
    from wins
    where age_days is not null
    group by entrant_type, entrant_id

    union all

    select
        'win_from_furthest_back', entrant_type, entrant_id, grid_position, false, season, round_number,
        season as to_season, round_number as to_round
    from wins

    union all

    select
        'most_starts_before_the_first_win', first_wins.entrant_type, first_wins.entrant_id, first_wins.start_number - 1, false,
        careers.first_season, careers.first_round, cast(floor(first_wins.race / 100.0) as integer),
        first_wins.race - 100 * cast(floor(first_wins.race / 100.0) as integer)
    from first_wins
    inner join careers
        on first_wins.entrant_type = careers.entrant_type and first_wins.entrant_id = careers.entrant_id

    union all

    select
        'most_starts_without_a_win', entrant_type, entrant_id, starts, false, first_season, first_round, last_season,
        last_round
    from careers
    where entrant_type = 'driver' and wins = 0
),

ranked as (
    select
        record,
        {{ columns }},
        rank() over (partition by record order by case when lowest_first then value else -value end) as record_rank
    from found
    where value > 0
)

select
    {{ surrogate_key([
        'ranked.record', 'ranked.entrant_type', 'ranked.entrant_id', 'ranked.from_season', 'ranked.from_round'
    ]) | indent(4) }} as record_key,
    ranked.record,
    cast(ranked.record_rank as integer) as record_rank,
    ranked.entrant_type,
    ranked.entrant_id,
    careers.entrant_name as holder,
    ranked.value,
    case
        when ranked.record in ('youngest_winner', 'oldest_winner') then 'days'
        when ranked.record = 'highest_share_of_wins' then 'percent'
        when ranked.record = 'win_from_furthest_back' then 'grid position'
        when ranked.record = 'most_points_by_todays_system' then 'points'
        else 'count'
    end as unit,
    ranked.from_season,
    cast(ranked.from_round as integer) as from_round,
    from_race.race_name as from_race_name,
    from_race.race_date as from_date,
    ranked.to_season,
    cast(ranked.to_round as integer) as to_round,
    to_race.race_name as to_race_name,
    to_race.race_date as to_date,
    'docs/records.md#' || ranked.record as proof
from ranked
left join careers
    on ranked.entrant_type = careers.entrant_type and ranked.entrant_id = careers.entrant_id
left join {{ ref('dim_races') }} as from_race
    on ranked.from_season = from_race.season and ranked.from_round = from_race.round_number
left join {{ ref('dim_races') }} as to_race
    on ranked.to_season = to_race.season and ranked.to_round = to_race.round_number
where ranked.record_rank <= 10
