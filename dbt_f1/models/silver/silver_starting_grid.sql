{#-
One row per driver of a grid. Of conflicting rows the one with a position is kept, of several such rows the one served last.
`session_key` is the (sprint) qualifying session that set the grid, never the race: join over the meeting and the kind of
session.
-#}
{{ silver_source(
    'starting_grid',
    key=['session_key', 'driver_number'],
    columns={
        'session_key': 'integer', 'meeting_key': 'integer', 'driver_number': 'integer', 'position': 'integer',
        'lap_duration': 'number',
    },
    prefer='case when position is null then 1 else 0 end',
    keep_last_served=true
) }}
