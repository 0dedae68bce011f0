{#-
One row per driver and lap with a visit to the pit lane. Rows without a lap stay in bronze. Older responses have `pit_duration`
only, the former name of the time in the pit lane.
-#}
{{ silver_source(
    'pit',
    key=['session_key', 'driver_number', 'lap_number'],
    columns={
        'session_key': 'integer', 'meeting_key': 'integer', 'driver_number': 'integer', 'lap_number': 'integer',
        'date': 'timestamp',
        'lane_duration_s': 'coalesce(' ~ bounded_number('lane_duration') ~ ', ' ~ bounded_number('pit_duration') ~ ')',
        'stop_duration_s': bounded_number('stop_duration'),
    }
) }}
