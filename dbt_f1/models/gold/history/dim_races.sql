{#-
One row per championship race since 1950, future ones included, with the sessions of OpenF1.

The races of the two sources are joined by their order in the season: dates differ (Jolpica has Las Vegas 2024 a day early) and a
circuit can have two races in a season. That the circuits agree is a test. Date and start come by seed source_precedence. The rules of
both championships are those of seed championship_rules for the season, without the races that do not count.
-#}
with precedence as (
    {{ source_order(['race_start']) | indent(4) }}
),

jolpica as (
    select season, round as round_number, race_name, circuit_id, race_date, race_start
    from {{ ref('silver_jolpica_races') }}

    union all

    -- rounds with results that the calendar does not have
    select results.season, results.round as round_number, null, null, null, null
    from {{ ref('silver_jolpica_race_results') }} as results
    where
        not exists (
            select 1 from {{ ref('silver_jolpica_races') }} as races
            where races.season = results.season and races.round = results.round
        )
    group by results.season, results.round
),

sessions as (
    select
        meeting_key,
        session_key,
        session_category,
        date_start,
        row_number() over (
            partition by meeting_key, session_category
            order by case when is_cancelled then 1 else 0 end, date_start desc nulls last, session_key desc
        ) as choice
    from {{ ref('dim_sessions') }}
    where session_category in ('Race', 'Sprint', 'Qualifying', 'Sprint Qualifying') and round_number is not null
),

openf1 as (
    select
        meetings.season,
        meetings.round_number,
        meetings.meeting_key,
        max(meetings.meeting_name) as meeting_name,
        max(circuits.circuit_id) as circuit_id,
        max(case when sessions.session_category = 'Race' then sessions.session_key end) as race_session_key,
        max(case when sessions.session_category = 'Race' then sessions.date_start end) as race_start,
        max(case when sessions.session_category = 'Sprint' then sessions.session_key end) as sprint_session_key,
        max(case when sessions.session_category = 'Qualifying' then sessions.session_key end)
            as qualifying_session_key,
        max(case when sessions.session_category = 'Sprint Qualifying' then sessions.session_key end)
            as sprint_qualifying_session_key
    from {{ ref('dim_meetings') }} as meetings
    left join {{ ref('int_circuits') }} as circuits
        on meetings.circuit_key = circuits.circuit_key
    left join sessions
        on meetings.meeting_key = sessions.meeting_key and sessions.choice = 1
    where meetings.round_number is not null
    group by meetings.season, meetings.round_number, meetings.meeting_key
),

joined as (
    select
        coalesce(jolpica.season, openf1.season) as season,
        coalesce(jolpica.round_number, openf1.round_number) as round_number,
        coalesce(jolpica.race_name, openf1.meeting_name) as race_name,
        coalesce(jolpica.circuit_id, openf1.circuit_id) as circuit_id,
        jolpica.circuit_id as jolpica_circuit_id,
        openf1.circuit_id as openf1_circuit_id,
        jolpica.race_date as jolpica_date,
        jolpica.race_start as jolpica_start,
        openf1.race_start as openf1_start,
        openf1.meeting_key,
        openf1.race_session_key,
        openf1.sprint_session_key,
        openf1.qualifying_session_key,
        openf1.sprint_qualifying_session_key,
        {{ source_of('race_start', 'jolpica.race_date is not null', 'openf1.race_start is not null') | indent(8) }}
            as race_start_source
    from jolpica
    full outer join openf1
        on jolpica.season = openf1.season and jolpica.round_number = openf1.round_number
    cross join precedence
),

rules as (
    select
        championship || '-' || cast(first_season as {{ dbt.type_string() }}) as rule_id,
        championship,
        first_season,
        last_season,
        excluded_circuit_id,
        reason
    from {{ ref('championship_rules') }}
)

select
    {{ surrogate_key(['joined.season', 'joined.round_number']) | indent(4) }} as race_key,
    joined.season,
    joined.round_number,
    joined.race_name,
    {{ by_source('joined.race_start_source', 'joined.jolpica_date', 'cast(joined.openf1_start as date)') }} as race_date,
    {{ by_source('joined.race_start_source', 'joined.jolpica_start', 'joined.openf1_start') }} as race_start,
    joined.race_start_source,
    joined.circuit_id,
    coalesce(joined.jolpica_circuit_id = joined.openf1_circuit_id, true) as circuits_agree,
    joined.meeting_key,
    joined.race_session_key,
    joined.sprint_session_key,
    joined.qualifying_session_key,
    joined.sprint_qualifying_session_key,
    drivers.rule_id as drivers_championship_rule_id,
    drivers.reason as drivers_championship_rule,
    teams.rule_id as teams_championship_rule_id,
    teams.reason as teams_championship_rule
from joined
left join rules as drivers
    on
        drivers.championship = 'drivers'
        and joined.season between drivers.first_season and drivers.last_season
        and coalesce(joined.circuit_id <> drivers.excluded_circuit_id, true)
left join rules as teams
    on
        teams.championship = 'teams'
        and joined.season between teams.first_season and teams.last_season
        and coalesce(joined.circuit_id <> teams.excluded_circuit_id, true)
