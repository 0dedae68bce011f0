{#-
One row per driver of the official classification. In qualifying duration and gap are lists of three, one value per phase: the
time and the gap that count are those of the last phase in which the driver set a time. Of conflicting rows the one served last
is kept: a driver who is disqualified later is listed again. Where the order served is unknown, the classified one is kept.
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
    where
        {{ is_current_pull('session_result') }}
),

one_row as (
    {{ deduplicate(
        'source_rows',
        key=['session_key', 'driver_number'],
        columns=columns,
        prefer="case when position is null and served_order is null then 1 else 0 end",
        served='served_order'
    ) | indent(4) }}
),

parsed as (
    {{ parsed_results('one_row') | indent(4) }}
)

select
    session_key,
    meeting_key,
    driver_number,
    position,
    status,
    number_of_laps,
    points,
    duration_s,
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
