{#-
One row per driver, lap, sector and mini-sector (segment), with the code that the timing screen shows as a colour.

The source serves a list per sector. Its first element is often null and keeps its number.
-#}
with digits as (
    {%- for digit in range(10) %}
    select {{ digit }} as digit
    {%- if not loop.last %} union all{% endif %}
    {%- endfor %}
),

numbers as (
    select 10 * tens.digit + ones.digit + 1 as segment_number
    from digits as tens
    cross join digits as ones
),

lists as (
    {%- for sector in (1, 2, 3) %}
    select
        session_key,
        meeting_key,
        season,
        driver_number,
        lap_number,
        {{ sector }} as sector_number,
        segments_sector_{{ sector }} as codes,
        cardinality(segments_sector_{{ sector }}) as segments,
        pulled_at
    from {{ ref('silver_laps') }}
    {%- if not loop.last %}

    union all
    {% endif %}
    {%- endfor %}
),

segments as (
    select
        lists.*,
        numbers.segment_number,
        try_cast({{ list_element('lists.codes', 'numbers.segment_number') }} as integer) as segment_code
    from lists
    inner join numbers on numbers.segment_number <= lists.segments
)

select
    {{ surrogate_key([
        'segments.session_key', 'segments.driver_number', 'segments.lap_number', 'segments.sector_number',
        'segments.segment_number'
    ]) | indent(4) }} as lap_segment_key,
    segments.session_key,
    segments.meeting_key,
    segments.season,
    segments.driver_number,
    {{ driver_columns() }},
    segments.lap_number,
    cast(segments.sector_number as integer) as sector_number,
    cast(segments.segment_number as integer) as segment_number,
    segments.segment_code,
    case
        when segments.segment_code is null then null
        when segments.segment_code = 0 then 'Not available'
        when segments.segment_code = 2048 then 'Yellow'
        when segments.segment_code = 2049 then 'Green'
        when segments.segment_code = 2051 then 'Purple'
        when segments.segment_code = 2064 then 'Pit lane'
        else 'Unknown'
    end as segment_status,
    segments.pulled_at
from segments
left join {{ ref('int_session_drivers') }} as drivers
    on segments.session_key = drivers.session_key and segments.driver_number = drivers.driver_number
left join {{ ref('silver_meetings') }} as meetings
    on segments.meeting_key = meetings.meeting_key
