{#
What a row of the official classification says, out of its JSON: used for the result as it stands (silver_session_results)
and for all that it ever was (result_revisions), which must not read it differently.

In qualifying duration and gap are lists of three, one value per phase: the time and the gap that count are those of the last
phase in which the driver set a time. Columns of `relation` stay but gap_to_leader and duration, which stay as text.

The flags dnf, dns and dsq of a qualifying session are those of the driver's last phase (`dns`: no lap in Q3). They decide the
status only of a driver without a position, and `dns` also of a driver without a time in any phase.
#}
{% macro parsed_results(relation) -%}
select
    *,
    case
        when is_by_phase and position is not null and (not dns or coalesce(q1_s, q2_s, q3_s) is not null) then 'Finished'
        when dsq then 'DSQ'
        when dns then 'DNS'
        when dnf then 'DNF'
        when position is null then 'Not classified'
        when laps_down > 0 then 'Lapped'
        else 'Finished'
    end as status,
    coalesce(duration_number, q3_s, q2_s, q1_s) as duration_s
from (
    select
        *,
        {{ is_by_phase() }} as is_by_phase,
        {{ json_number('duration') }} as duration_number,
        {{ json_list_number('duration', 1) }} as q1_s,
        {{ json_list_number('duration', 2) }} as q2_s,
        {{ json_list_number('duration', 3) }} as q3_s,
        coalesce(
            {{ json_number('gap_to_leader') }},
            {{ json_list_number('gap_to_leader', 3) }},
            {{ json_list_number('gap_to_leader', 2) }},
            {{ json_list_number('gap_to_leader', 1) }}
        ) as gap_to_leader_s,
        {{ json_laps_down('gap_to_leader') }} as laps_down
    from {{ relation }}
) as read_values
{%- endmacro %}

{# Whether the result is one of a qualifying session: its duration or gap is a list with one value per phase. #}
{% macro is_by_phase() -%}coalesce(duration like '[%' or gap_to_leader like '[%', false){%- endmacro %}

{#
The position in the classification, from the columns as served. A driver who was disqualified has none, even where the source
still serves one; the flag of a qualifying phase takes no position away.
#}
{% macro classified_position() -%}
case when coalesce(dsq, false) and not {{ is_by_phase() }} then null else {{ bounded_integer('position') }} end
{%- endmacro %}
