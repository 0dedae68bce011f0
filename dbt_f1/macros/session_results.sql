{#
What a row of the official classification says, out of its JSON: used for the result as it stands (silver_session_results)
and for all that it ever was (result_revisions), which must not read it differently.

In qualifying duration and gap are lists of three, a value a phase: the time and the gap that count are those of the last
phase the driver took part in. Columns of `relation` stay but gap_to_leader and duration, which stay as text.
#}
{% macro parsed_results(relation) -%}
select
    *,
    case
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
