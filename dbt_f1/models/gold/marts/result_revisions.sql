{#-
All versions of the official classification: one row per session, driver and revision. Results change for days after a race;
bronze keeps each pull, so earlier classifications can be queried.

The pull log contains the current pull after each pull. A driver has a revision for each current pull that differs from the
previous one: the first result, a changed result, or a result that is no longer listed. Pulls that changed nothing add none.

The newest revision equals silver: a pull that lands during a build is included in the next build.
-#}
{%- set columns = [
    'session_key',
    'meeting_key',
    'driver_number',
    'position',
    'number_of_laps',
    'dnf',
    'dns',
    'dsq',
    'points',
    'duration',
    'gap_to_leader',
    'season'
] -%}
{%- set said = ['position', 'status', 'points', 'number_of_laps', 'duration', 'gap_to_leader'] -%}

with pulls as (
    select
        cast(pulls.scope as integer) as session_key,
        pulls.pull_id,
        pulls.truth_pull_id,
        {{ utc('pulls.at') }} as pulled_at,
        lag(pulls.truth_pull_id) over (partition by pulls.scope order by pulls.at, pulls.pull_id) as previous_truth_pull_id
    from {{ source('bronze', '_pulls') }} as pulls
    where pulls.endpoint = 'session_result' and pulls.outcome <> 'failed' {{ and_before_as_of('pulls.at') }}
),

current_pulls as (
    select
        session_key,
        truth_pull_id as pull_id,
        pulled_at,
        row_number() over (partition by session_key order by pulled_at, pull_id) as pull_number
    from pulls
    where truth_pull_id is not null and truth_pull_id is distinct from previous_truth_pull_id
),

source_rows as (
    select
        {{ bounded_integer('session_key') }} as session_key,
        {{ bounded_integer('meeting_key') }} as meeting_key,
        {{ bounded_integer('driver_number') }} as driver_number,
        {{ classified_position() }} as position,
        {{ bounded_integer('number_of_laps') }} as number_of_laps,
        coalesce(dnf, false) as dnf,
        coalesce(dns, false) as dns,
        coalesce(dsq, false) as dsq,
        {{ bounded_number('points') }} as points,
        duration,
        gap_to_leader,
        _season as season,
        _pull_id as pull_id,
        _row_number as served_order,
        {{ utc('_ingested_at') }} as pulled_at
    from {{ source('bronze', 'session_result') }}
),

one_row as (
    {{ deduplicate(
        'source_rows',
        key=['pull_id', 'session_key', 'driver_number'],
        columns=columns,
        prefer="case when position is null and served_order is null then 1 else 0 end",
        served='served_order'
    ) | indent(4) }}
),

parsed as (
    {{ parsed_results('one_row') | indent(4) }}
),

silver_pulls as (
    select distinct session_key, pull_id from {{ ref('silver_session_results') }}
),

-- up to the pull in silver; where silver has no row of the session, up to the last current pull without rows
last_pulls as (
    select
        current_pulls.session_key,
        max(
            case
                when silver_pulls.pull_id = current_pulls.pull_id then current_pulls.pull_number
                when silver_pulls.session_key is null and filled.pull_id is null then current_pulls.pull_number
            end
        ) as last_pull_number
    from current_pulls
    left join silver_pulls on current_pulls.session_key = silver_pulls.session_key
    left join (select distinct pull_id from parsed) as filled on current_pulls.pull_id = filled.pull_id
    group by current_pulls.session_key
),

listed as (
    select
        session_key,
        driver_number,
        max(meeting_key) as meeting_key,
        max(season) as season
    from parsed
    group by session_key, driver_number
),

stated as (
    select
        current_pulls.session_key,
        listed.meeting_key,
        listed.season,
        listed.driver_number,
        current_pulls.pull_id,
        current_pulls.pulled_at,
        current_pulls.pull_number,
        parsed.driver_number is not null as is_listed,
        parsed.position,
        parsed.status,
        parsed.points,
        parsed.number_of_laps,
        parsed.duration,
        parsed.duration_s,
        parsed.gap_to_leader,
        parsed.gap_to_leader_s,
        parsed.laps_down
    from current_pulls
    inner join last_pulls
        on current_pulls.session_key = last_pulls.session_key and current_pulls.pull_number <= last_pulls.last_pull_number
    inner join listed
        on current_pulls.session_key = listed.session_key
    left join parsed
        on
            current_pulls.pull_id = parsed.pull_id
            and current_pulls.session_key = parsed.session_key
            and listed.driver_number = parsed.driver_number
),

compared as (
    select
        *,
        {%- for column in said %}
        lag({{ column }}) over history as previous_{{ column }},
        {%- endfor %}
        coalesce(lag(is_listed) over history, false) as was_listed,
        max(case when is_listed then 1 else 0 end) over (
            partition by session_key, driver_number order by pull_number
            rows between unbounded preceding and 1 preceding
        ) as was_ever_listed
    from stated
    window history as (partition by session_key, driver_number order by pull_number)
),

described as (
    select
        *,
        case
            when is_listed and coalesce(was_ever_listed, 0) = 0 then 'First'
            when is_listed and not was_listed then 'Returned'
            when was_listed and not is_listed then 'Removed'
            when is_listed then 'Changed'
        end as change,
        case
            when is_listed and was_listed
                then nullif(concat_ws(
                    ', ',
                    {%- for column in said %}
                    case when {{ column }} is distinct from previous_{{ column }} then '{{ column }}' end
                    {{- ',' if not loop.last }}
                    {%- endfor %}
                ), '')
        end as changed_columns
    from compared
),

revisions as (
    select
        *,
        row_number() over history as revision,
        lead(pulled_at) over history as superseded_at
    from described
    where change <> 'Changed' or changed_columns is not null
    window history as (partition by session_key, driver_number order by pull_number)
)

select
    {{ surrogate_key(['revisions.session_key', 'revisions.driver_number', 'revisions.revision']) | indent(4) }}
        as result_revision_key,
    revisions.session_key,
    revisions.meeting_key,
    revisions.season,
    revisions.driver_number,
    {{ driver_columns() }},
    cast(revisions.revision as integer) as revision,
    revisions.change,
    revisions.changed_columns,
    revisions.position,
    revisions.previous_position,
    revisions.status,
    revisions.previous_status,
    revisions.points,
    revisions.previous_points,
    revisions.number_of_laps,
    revisions.duration_s,
    revisions.gap_to_leader_s,
    revisions.laps_down,
    revisions.pulled_at as revised_at,
    revisions.superseded_at,
    revisions.superseded_at is null as is_current,
    revisions.pull_id
from revisions
left join {{ ref('int_session_drivers') }} as drivers
    on revisions.session_key = drivers.session_key and revisions.driver_number = drivers.driver_number
left join {{ ref('silver_meetings') }} as meetings
    on revisions.meeting_key = meetings.meeting_key
