{#- One row per race weekend or test. Rounds number the race weekends that are not cancelled, by date. -#}
with calendar as (
    select meeting_key, is_meeting_cancelled from {{ ref('int_calendar') }} group by meeting_key, is_meeting_cancelled
),

counted as (
    select
        meetings.*,
        coalesce(calendar.is_meeting_cancelled, false) as is_decided_cancelled,
        meetings.meeting_name like '%Testing%' or meetings.meeting_name like 'Pre-Season%' as is_test
    from {{ ref('silver_meetings') }} as meetings
    left join calendar
        on meetings.meeting_key = calendar.meeting_key
)

select
    {{ surrogate_key(['meeting_key']) | indent(4) }} as dim_meeting_key,
    meeting_key,
    season,
    year,
    cast(
        case
            when not is_test and not is_decided_cancelled
                then row_number() over (
                    partition by season, is_test, is_decided_cancelled order by date_start, meeting_key
                )
        end as integer
    ) as round_number,
    meeting_name,
    grand_prix_slug,
    meeting_official_name,
    circuit_key,
    circuit_short_name,
    country_code,
    country_name,
    location,
    gmt_offset,
    date_start,
    date_end,
    is_test,
    is_decided_cancelled as is_cancelled
from counted
