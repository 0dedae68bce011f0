{#- One row per recording. The time may be null, so the grain is the key made of the natural one. -#}
{{ silver_source(
    'team_radio',
    key=['session_key', 'driver_number', 'date', 'recording_url'],
    nullable=['date', 'recording_url'],
    columns={
        'session_key': 'integer', 'meeting_key': 'integer', 'driver_number': 'integer', 'date': 'timestamp',
        'recording_url': 'text',
    },
    surrogate_key_name='team_radio_key'
) }}
