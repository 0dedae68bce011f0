{#-
One row per driver of the official classification. In qualifying duration and gap are lists of three, one value per phase: the
time and the gap that count are those of the last phase in which the driver set a time. Of conflicting rows the one served last
is kept: a driver who is disqualified later is listed again. Where the order served is unknown, the classified one is kept.
-#}
with results as (
    {{ silver_source(
        'session_result',
        key=['session_key', 'driver_number'],
        columns={
            'session_key': 'integer', 'meeting_key': 'integer', 'driver_number': 'integer',
            'position': classified_position(), 'number_of_laps': 'integer',
            'dnf': 'coalesce(dnf, false)', 'dns': 'coalesce(dns, false)', 'dsq': 'coalesce(dsq, false)',
            'points': 'number', 'duration': 'text', 'gap_to_leader': 'text',
        },
        prefer='case when position is null and served_order is null then 1 else 0 end',
        keep_last_served=true
    ) | indent(4) }}
),

parsed as (
    {{ parsed_results('results') | indent(4) }}
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
    {{ silver_metadata() }}
from parsed
