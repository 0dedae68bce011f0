{#-
One row per message. Most columns of the natural key may be null, so the grain is the key made of them, as served.

The source fills the driver of flags and car events only; elsewhere it follows from the message ("CAR 4 (NOR) TIME …").
-#}
{{ silver_source(
    'race_control',
    key=['session_key', 'date', 'driver_number', 'lap_number', 'category', 'flag', 'scope', 'sector', 'message'],
    nullable=['date', 'driver_number', 'lap_number', 'category', 'flag', 'scope', 'sector', 'message'],
    columns={
        'session_key': 'integer', 'meeting_key': 'integer', 'date': 'timestamp', 'driver_number': 'integer',
        'lap_number': 'integer', 'category': 'text', 'flag': 'text', 'scope': 'text', 'sector': 'integer',
        'qualifying_phase': 'integer', 'message': 'text',
    },
    derived={
        'driver_number': 'coalesce(driver_number, ' ~ driver_of_message('message') ~ ')',
        'served_order': 'served_order',
    },
    surrogate_key_name='race_control_key',
    keep_last_served=true
) }}
