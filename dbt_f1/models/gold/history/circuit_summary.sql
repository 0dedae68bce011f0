{#-
One row per driver or constructor and circuit with what they achieved in the Grands Prix there (entrant_races), over all layouts of the
circuit.
-#}
with races as (
    select *
    from {{ ref('entrant_races') }}
    where session_category = 'Race' and circuit_id is not null
)

select
    {{ surrogate_key(['entrant_type', 'entrant_id', 'circuit_id']) | indent(4) }} as circuit_summary_key,
    entrant_type,
    entrant_id,
    circuit_id,
    {%- for column in ['entrant_name', 'team_id'] %}
    max_by({{ column }}, season * 100 + round_number) as {{ column }},
    {%- endfor %}
    min(season) as first_season,
    max(season) as last_season,
    cast(count(case when is_start then 1 end) as integer) as starts,
    cast(count(case when is_win then 1 end) as integer) as wins,
    cast(count(case when is_pole then 1 end) as integer) as poles,
    cast(sum(podiums) as integer) as podiums,
    min(position) as best_position
from races
group by entrant_type, entrant_id, circuit_id
