{#- One row per driver and measurement, about every 4 s of a race. -#}
with measurements as (
    {{ silver_source(
        'intervals',
        key=['session_key', 'driver_number', 'date'],
        columns={
            'session_key': 'integer', 'meeting_key': 'integer', 'driver_number': 'integer', 'date': 'timestamp',
            'gap_to_leader': 'text', 'interval': 'text',
        }
    ) | indent(4) }}
)

select
    session_key,
    meeting_key,
    driver_number,
    date,
    {{ json_number('gap_to_leader') }} as gap_to_leader_s,
    {{ json_number('interval') }} as interval_s,
    {{ json_laps_down('gap_to_leader') }} as laps_down,
    {{ json_laps_down('interval') }} as interval_laps,
    {{ silver_metadata() }}
from measurements
