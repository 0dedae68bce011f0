{#-
One row a driver of the official classification. In qualifying duration and gap are lists of three, a value a phase: the
time and the gap that count are those of the last phase the driver took part in. Of conflicting rows the classified one is
kept.
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

with source_rows as (
    select
        cast(session_key as integer) as session_key,
        cast(meeting_key as integer) as meeting_key,
        cast(driver_number as integer) as driver_number,
        cast(position as integer) as position,
        cast(number_of_laps as integer) as number_of_laps,
        coalesce(dnf, false) as dnf,
        coalesce(dns, false) as dns,
        coalesce(dsq, false) as dsq,
        points,
        duration,
        gap_to_leader,
        _season as season,
        _pull_id as pull_id,
        {{ utc('_ingested_at') }} as pulled_at
    from {{ source('bronze', 'session_result') }}
    where
        {{ is_truth('session_result') }}
),

one_row as (
    {{ keep_one(
        'source_rows',
        key=['session_key', 'driver_number'],
        columns=columns,
        prefer="case when position is null then 1 else 0 end"
    ) | indent(4) }}
),

parsed as (
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
    from one_row
)

select
    session_key,
    meeting_key,
    driver_number,
    position,
    case
        when dsq then 'DSQ'
        when dns then 'DNS'
        when dnf then 'DNF'
        when position is null then 'Not classified'
        when laps_down > 0 then 'Lapped'
        else 'Finished'
    end as status,
    number_of_laps,
    points,
    coalesce(duration_number, q3_s, q2_s, q1_s) as duration_s,
    q1_s,
    q2_s,
    q3_s,
    gap_to_leader_s,
    laps_down,
    dnf,
    dns,
    dsq,
    season,
    pull_id,
    pulled_at,
    source_rows,
    source_variants
from parsed
