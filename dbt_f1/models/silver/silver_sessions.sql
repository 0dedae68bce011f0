{#- One row per session, future and cancelled ones included. A pull covers a season, so a season is what is replaced. -#}
{{ silver_source(
    'sessions',
    key=['session_key'],
    columns={
        'session_key': 'integer', 'meeting_key': 'integer', 'session_name': 'text', 'session_type': 'text',
        'circuit_key': 'integer', 'circuit_short_name': 'text', 'country_key': 'integer', 'country_code': 'text',
        'country_name': 'text', 'location': 'text', 'gmt_offset': 'text', 'date_start': 'timestamp', 'date_end': 'timestamp',
        'year': 'integer', 'is_cancelled': 'boolean',
    },
    derived={
        'session_name': text_or_unknown('session_name'),
        'session_type': text_or_unknown('session_type'),
        'session_category': session_category('session_name', 'session_type'),
        'circuit_short_name': text_or_unknown('circuit_short_name'),
        'country_name': text_or_unknown('country_name'),
        'location': text_or_unknown('location'),
        'session_duration_minutes': seconds_between('date_start', 'date_end') ~ ' / 60.0',
        'is_cancelled': 'coalesce(is_cancelled, false)',
    },
    prefer='season',
    keep_last_served=true,
    partition_column='season'
) }}
