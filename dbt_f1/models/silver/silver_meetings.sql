{#- One row per race weekend or test. A pull covers a season, so a season is what is replaced. -#}
{{ silver_source(
    'meetings',
    key=['meeting_key'],
    columns={
        'meeting_key': 'integer', 'meeting_name': 'text', 'meeting_official_name': 'text',
        'circuit_key': 'integer', 'circuit_short_name': 'text', 'country_key': 'integer', 'country_code': 'text',
        'country_name': 'text', 'location': 'text', 'gmt_offset': 'text', 'country_flag': 'text', 'circuit_type': 'text',
        'circuit_info_url': 'text', 'circuit_image': 'text', 'date_start': 'timestamp', 'date_end': 'timestamp',
        'year': 'integer', 'is_cancelled': 'boolean',
    },
    derived={
        'meeting_name': text_or_unknown('meeting_name'),
        'grand_prix_slug': slug("replace(coalesce(meeting_name, 'unknown'), 'Grand Prix', '')"),
        'circuit_short_name': text_or_unknown('circuit_short_name'),
        'country_name': text_or_unknown('country_name'),
        'location': text_or_unknown('location'),
        'is_cancelled': 'coalesce(is_cancelled, false)',
    },
    prefer='season',
    keep_last_served=true,
    partition_column='season'
) }}
