{#- One row a race weekend or test. Rounds count the race weekends that take place, in the order of their dates. -#}
with counted as (
    select
        *,
        meeting_name like '%Testing%' or meeting_name like 'Pre-Season%' as is_test
    from {{ ref('silver_meetings') }}
)

select
    {{ surrogate_key(['meeting_key']) | indent(4) }} as dim_meeting_key,
    meeting_key,
    season,
    year,
    cast(
        case
            when not is_test and not is_cancelled
                then row_number() over (
                    partition by season, is_test, is_cancelled order by date_start, meeting_key
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
    is_cancelled
from counted
