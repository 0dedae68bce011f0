{#-
Quality of the data of one day: one row per run date, table and check type. The run date is the day of the newest pull, so a
build without new data measures nothing twice and does not depend on the clock of the machine. Only rows of the pulls of that day
that are still current are checked, so the cost depends on the new data. Rows of earlier days are kept and show the trend.

- completeness: rows of silver with the required columns (the conditions are in the list below)
- uniqueness: rows as served that are not duplicates
- reconciliation: for silver, rows as served that are represented in silver; for gold, rows of silver that are in the fact
- validity: values in bronze within the bounds of the catalog; one row may fail more than once
- quarantine: rows as served that could be typed
- matching: messages that delete or reinstate a lap and match a lap, in sessions that have laps
-#}
{%- set checks = {
    'meetings': ('silver_meetings', 'date_start is not null'),
    'sessions': ('silver_sessions', 'date_start is not null and date_end is not null'),
    'drivers': ('silver_drivers', 'is_f1_driver'),
    'laps': ('silver_laps', 'lap_duration is not null'),
    'stints': ('silver_stints', "lap_start is not null and compound not in ('UNKNOWN', 'TEST_UNKNOWN')"),
    'pit': ('silver_pit_stops', 'lane_duration_s is not null'),
    'position': ('silver_positions', 'position is not null'),
    'intervals': ('silver_intervals', 'gap_to_leader_s is not null or laps_down is not null'),
    'overtakes': ('silver_overtakes', 'position is not null'),
    'race_control': ('silver_race_control', 'date is not null and message is not null'),
    'weather': ('silver_weather', 'air_temperature is not null and track_temperature is not null'),
    'team_radio': ('silver_team_radio', 'date is not null and recording_url is not null'),
    'session_result': ('silver_session_results', "position is not null or status in ('DNF', 'DNS', 'DSQ')"),
    'starting_grid': ('silver_starting_grid', 'position is not null'),
    'championship_drivers': ('silver_championship_drivers', 'points_current is not null'),
    'championship_teams': ('silver_championship_teams', 'points_current is not null'),
    'location': ('silver_locations', 'has_position'),
    'car_data': ('silver_car_data', 'n_gear is not null and throttle is not null and brake is not null')
} -%}
{%- set facts = {
    'laps': ('int_laps', 'fact_laps', 'is_after_chequered_flag is not true'),
    'session_result': ('silver_session_results', 'fact_results'),
    'stints': ('silver_stints', 'fact_stints'),
    'pit': ('silver_pit_stops', 'fact_pit_stops'),
    'overtakes': ('silver_overtakes', 'fact_overtakes'),
    'race_control': ('silver_race_control', 'fact_race_control'),
    'weather': ('silver_weather', 'fact_weather')
} -%}
{%- set columns = [
    'run_date',
    'table_name',
    'check_type',
    'checked_rows',
    'failed_rows',
    'pass_rate'
] -%}

with pulls as (
    select
        pulls.*,
        cast({{ utc('pulls.at') }} as date) as pulled_on,
        row_number() over (partition by pulls.endpoint, pulls.scope order by pulls.at desc, pulls.pull_id desc) as newness
    from {{ source('bronze', '_pulls') }} as pulls
    where
        pulls.outcome <> 'failed'
        -- a day on which only the history was pulled has no sessions to check
        and pulls.endpoint not like 'jolpica%' {{ and_before_as_of('pulls.at') }}
),

run_day as (
    select max(pulled_on) as run_date from pulls
),

-- pulls of the day that are current; a pull without new rows has nothing to check
new_pulls as (
    select pulls.endpoint, pulls.scope, pulls.pull_id, pulls.rows, pulls.quarantined, pulls.improbable
    from pulls
    inner join run_day on pulls.pulled_on = run_day.run_date
    where pulls.newness = 1 and pulls.truth_pull_id = pulls.pull_id
),

measured as (
    {%- for endpoint, check in checks.items() %}
    select
        '{{ endpoint }}' as endpoint,
        '{{ check[0] }}' as silver,
        count(*) as kept_rows,
        count(case when {{ check[1] }} then 1 end) as complete_rows,
        coalesce(sum(held.source_rows), 0) as source_rows
    from {{ ref(check[0]) }} as held
    inner join (select scope, pull_id from new_pulls where endpoint = '{{ endpoint }}') as fresh
        on
            -- the session lets the engine skip files of other sessions; the pull selects the rows
            held.{{ 'season' if endpoint in ('meetings', 'sessions') else 'session_key' }} = fresh.scope
            and held.pull_id = fresh.pull_id
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

served as (
    select
        endpoint,
        sum(rows) as rows,
        sum(quarantined) as quarantined,
        sum(improbable) as improbable
    from new_pulls
    group by endpoint
),

reconciled as (
    {%- for endpoint, fact in facts.items() %}
    select '{{ fact[1] }}' as fact, held.session_key, count(*) as in_silver, 0 as in_gold
    from {{ ref(fact[0]) }} as held
    inner join (select scope from new_pulls where endpoint = '{{ endpoint }}') as fresh on held.session_key = fresh.scope
    {{ 'where ' ~ fact[2] if fact | length > 2 }}
    group by held.session_key

    union all

    select '{{ fact[1] }}' as fact, held.session_key, 0 as in_silver, count(*) as in_gold
    from {{ ref(fact[1]) }} as held
    inner join (select scope from new_pulls where endpoint = '{{ endpoint }}') as fresh on held.session_key = fresh.scope
    group by held.session_key
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

reconciled_by_session as (
    select fact, session_key, sum(in_silver) as in_silver, abs(sum(in_silver) - sum(in_gold)) as off
    from reconciled
    group by fact, session_key
),

counted as (
    select
        'silver.' || silver as table_name, 'completeness' as check_type,
        kept_rows as checked, kept_rows - complete_rows as failed
    from measured
    where kept_rows > 0

    union all

    select 'silver.' || silver, 'uniqueness', source_rows, source_rows - kept_rows
    from measured
    where kept_rows > 0

    union all

    select 'silver.' || measured.silver, 'reconciliation', served.rows, abs(served.rows - measured.source_rows)
    from measured
    inner join served on measured.endpoint = served.endpoint

    union all

    select 'gold.' || fact, 'reconciliation', sum(in_silver), sum(off)
    from reconciled_by_session
    group by fact

    union all

    select 'bronze.' || endpoint, 'validity', rows, improbable
    from served

    union all

    select 'bronze.' || endpoint, 'quarantine', rows + quarantined, quarantined
    from served

    union all

    select
        'silver.silver_race_control',
        'matching',
        count(case when has_laps then 1 end),
        count(case when has_laps and lap_number is null then 1 end)
    from {{ ref('int_deletion_messages') }}
    where session_key in (select scope from new_pulls where endpoint in ('race_control', 'laps'))
),

rated as (
    select
        run_day.run_date,
        counted.table_name,
        counted.check_type,
        cast(counted.checked as bigint) as checked_rows,
        cast(counted.failed as bigint) as failed_rows,
        -- more values than rows can fail
        cast(round(
            greatest(0, 100 * cast(counted.checked - counted.failed as {{ type_double() }}) / counted.checked), 4
        ) as {{ type_double() }}) as pass_rate
    from counted
    cross join run_day
    where counted.checked > 0 and counted.failed is not null
),

measurements as (
    select run_date, table_name, check_type, checked_rows, failed_rows, pass_rate
    from rated
    {{ union_earlier_runs(columns, 'run_date', 'run_day') | indent(4) }}
)

-- key and status are recomputed for earlier days too, so that errors of an earlier version of the code do not remain
select
    {{ surrogate_key(['run_date', 'table_name', 'check_type']) | indent(4) }} as data_quality_key,
    run_date,
    table_name,
    check_type,
    checked_rows,
    failed_rows,
    pass_rate,
    case when pass_rate < 95 then 'ALERT' when pass_rate < 99 then 'WARNING' else 'OK' end as status
from measurements
