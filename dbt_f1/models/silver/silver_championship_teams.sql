{#- One row per team: the championship before and after a race or sprint. A beta endpoint with gaps. -#}
with standings as (
    {{ silver_source(
        'championship_teams',
        key=['session_key', 'team_name'],
        columns={
            'session_key': 'integer', 'meeting_key': 'integer',
            'team_name': 'coalesce(' ~ blank_to_null('team_name') ~ ", 'Unknown Team')",
            'position_start': 'integer', 'position_current': 'integer', 'points_start': 'number', 'points_current': 'number',
        }
    ) | indent(4) }}
)

select
    standings.session_key,
    standings.meeting_key,
    standings.team_name,
    coalesce(team_lineage.team_id, {{ slug('standings.team_name') }}) as team_id,
    standings.position_start,
    standings.position_current,
    standings.points_start,
    standings.points_current,
    {{ silver_metadata('standings') }}
from standings
left join {{ ref('team_lineage') }} as team_lineage
    on
        lower(standings.team_name) = lower(team_lineage.team_name)
        and standings.season between team_lineage.first_season and team_lineage.last_season
