{#-
One row per team: the championship before and after a race or sprint. A beta endpoint with gaps.
-#}
{%- set columns = [
    'session_key',
    'meeting_key',
    'team_name',
    'position_start',
    'position_current',
    'points_start',
    'points_current',
    'season'
] -%}

with source_rows as (
    select
        {{ bounded_integer('session_key') }} as session_key,
        {{ bounded_integer('meeting_key') }} as meeting_key,
        coalesce({{ blank_to_null('team_name') }}, 'Unknown Team') as team_name,
        {{ bounded_integer('position_start') }} as position_start,
        {{ bounded_integer('position_current') }} as position_current,
        {{ bounded_number('points_start') }} as points_start,
        {{ bounded_number('points_current') }} as points_current,
        _season as season,
        _pull_id as pull_id,
        {{ utc('_ingested_at') }} as pulled_at
    from {{ source('bronze', 'championship_teams') }}
    where
        {{ is_current_pull('championship_teams') }}
),

one_row as (
    {{ deduplicate(
        'source_rows',
        key=['session_key', 'team_name'],
        columns=columns
    ) | indent(4) }}
)

select
    one_row.session_key,
    one_row.meeting_key,
    one_row.team_name,
    coalesce(team_lineage.team_id, {{ slug('one_row.team_name') }}) as team_id,
    one_row.position_start,
    one_row.position_current,
    one_row.points_start,
    one_row.points_current,
    one_row.season,
    one_row.pull_id,
    one_row.pulled_at,
    one_row.source_rows,
    one_row.source_variants
from one_row
left join {{ ref('team_lineage') }} as team_lineage
    on
        lower(one_row.team_name) = lower(team_lineage.team_name)
        and one_row.season between team_lineage.first_season and team_lineage.last_season
