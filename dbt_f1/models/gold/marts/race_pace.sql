{#-
Pace of a driver in a race or sprint: one row per driver with a lap, computed from the clean laps.

The degradation by compound pools the stints on the compound. Laps are compared with the mean of their stint, so that a late
stint with a light car does not appear as a tyre that gets faster. Null below var min_laps_for_degradation clean laps on the
compound.
-#}
{%- set compounds = ['SOFT', 'MEDIUM', 'HARD', 'INTERMEDIATE', 'WET'] -%}
with laps as (
    select laps.*, sessions.session_category
    from {{ ref('fact_laps') }} as laps
    inner join {{ ref('dim_sessions') }} as sessions
        on laps.session_key = sessions.session_key
    where sessions.session_category in ('Race', 'Sprint')
),

summed as (
    select
        session_key,
        driver_number,
        max(meeting_key) as meeting_key,
        max(season) as season,
        max(session_category) as session_category,
        {{ carried_driver_columns(aggregate='max') }},
        count(case when is_clean_lap then 1 end) as clean_laps,
        {{ mean_seconds('lap_duration', 'is_clean_lap') | indent(8) }} as avg_pace_s,
        {%- for compound in compounds %}
        median(case when is_clean_lap and compound = '{{ compound }}' then lap_duration end)
            as {{ compound | lower }}_median_pace_s,
        {%- endfor %}
        median(case when is_clean_lap then lap_duration end) as median_pace_s
    from laps
    group by session_key, driver_number
),

stint_sums as (
    select
        session_key,
        driver_number,
        compound,
        stint_number,
        count(*) as laps,
        sum(lap_number) as sum_x,
        sum({{ milliseconds('lap_duration') }}) as sum_y,
        sum(lap_number * {{ milliseconds('lap_duration') }}) as sum_xy,
        sum(cast(lap_number as bigint) * lap_number) as sum_xx
    from laps
    where is_clean_lap and stint_number is not null
    group by session_key, driver_number, compound, stint_number
),

-- sums of (x - mean x)(y - mean y) and (x - mean x)^2 of each stint; they can be added over stints
degradation as (
    select
        session_key,
        driver_number,
        compound,
        sum(laps) as laps,
        sum(sum_xy - cast(sum_x * sum_y as {{ type_double() }}) / laps)
        / nullif(1000.0 * sum(sum_xx - cast(sum_x * sum_x as {{ type_double() }}) / laps), 0) as slope
    from stint_sums
    group by session_key, driver_number, compound
),

-- noqa: disable=LT02
degradation_by_compound as (
    select
        session_key,
        driver_number
        {%- for compound in compounds %},
        max(case when compound = '{{ compound }}' and laps >= {{ var('min_laps_for_degradation') }} then slope end)
            as {{ compound | lower }}_slope
        {%- endfor %}
    from degradation
    group by session_key, driver_number
),

compared as (
    select
        *,
        min(median_pace_s) over (partition by session_key) as best_median_pace_s,
        rank() over (
            partition by session_key
            order by case when median_pace_s is null then 1 else 0 end, median_pace_s
        ) as pace_rank
    from summed
)

select
    {{ surrogate_key(['compared.session_key', 'compared.driver_number']) | indent(4) }} as race_pace_key,
    compared.session_key,
    compared.meeting_key,
    compared.season,
    compared.session_category,
    compared.driver_number,
    {{ carried_driver_columns('compared') }},
    cast(compared.clean_laps as integer) as clean_laps,
    round(compared.median_pace_s, 4) as median_pace_s,
    compared.avg_pace_s,
    round(compared.median_pace_s - compared.best_median_pace_s, 4) as gap_to_best_s,
    round(
        100.0 * (compared.median_pace_s - compared.best_median_pace_s) / nullif(compared.best_median_pace_s, 0), 3
    ) as gap_to_best_percentage,
    cast(case when compared.median_pace_s is not null then compared.pace_rank end as integer) as pace_rank
    {%- for compound in compounds %},
    round(compared.{{ compound | lower }}_median_pace_s, 4) as {{ compound | lower }}_median_pace_s
    {%- endfor %}
    {%- for compound in compounds %},
    round(degradation.{{ compound | lower }}_slope, 6) as {{ compound | lower }}_degradation_s_per_lap
    {%- endfor %}
from compared
left join degradation_by_compound as degradation
    on compared.session_key = degradation.session_key and compared.driver_number = degradation.driver_number
