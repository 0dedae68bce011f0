{#- One row per sample of a car's position. The origin (0, 0, 0) is what the source sends while it has none. -#}
{{ silver_source(
    'location',
    key=['session_key', 'driver_number', 'date'],
    columns={
        'session_key': 'integer', 'meeting_key': 'integer', 'driver_number': 'integer', 'date': 'timestamp',
        'position_x': bounded_integer('x'), 'position_y': bounded_integer('y'), 'position_z': bounded_integer('z'),
    },
    derived={
        'distance_from_origin': 'sqrt(' ~ squared('position_x') ~ ' + ' ~ squared('position_y') ~ ' + ' ~ squared('position_z') ~ ')',
        'has_position': 'position_x is not null and position_y is not null and position_z is not null '
            'and not (position_x = 0 and position_y = 0 and position_z = 0)',
    }
) }}
