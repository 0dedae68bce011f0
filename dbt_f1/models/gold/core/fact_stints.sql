{#-
One row per driver and stint, with length, pace and degradation.

Pace and degradation use the clean laps (`is_clean_lap` of fact_laps). The degradation is the slope of the least-squares line of
lap time over tyre age, null below var min_laps_for_degradation clean laps. It is not corrected for fuel: the car gets lighter, so
the tyre alone loses more.

The source starts a stint at every visit to the pit lane. `tyre_set_number` shows which stints use the same tyre set.
-#}
with summed as (
    select
        session_key,
        driver_number,
        stint_number,
        count(*) as laps_driven,
        count(case when is_valid_lap then 1 end) as valid_laps,
        count(case when is_clean_lap then 1 end) as clean_laps,
        min(case when is_valid_lap then lap_duration end) as fastest_lap_time,
        {{ mean_seconds('lap_duration', 'is_clean_lap') | indent(8) }} as avg_pace_s,
        median(case when is_clean_lap then lap_duration end) as median_pace_s,
        sum(case when is_clean_lap then lap_number end) as sum_x,
        sum(case when is_clean_lap then {{ milliseconds('lap_duration') }} end) as sum_y,
        sum(case when is_clean_lap then lap_number * {{ milliseconds('lap_duration') }} end) as sum_xy,
        sum(case when is_clean_lap then cast(lap_number as bigint) * lap_number end) as sum_xx
    from {{ ref('fact_laps') }}
    where stint_number is not null
    group by session_key, driver_number, stint_number
),

drivers_with_laps as (
    select distinct session_key, driver_number from {{ ref('fact_laps') }}
)

select
    {{ surrogate_key(['stints.session_key', 'stints.driver_number', 'stints.stint_number']) | indent(4) }} as stint_key,
    stints.session_key,
    stints.meeting_key,
    stints.season,
    stints.driver_number,
    {{ driver_columns() }},
    stints.stint_number,
    stints.compound,
    stints.tyre_age_at_start,
    stints.lap_start,
    stints.lap_end,
    stints.stint_laps,
    cast(coalesce(summed.laps_driven, 0) as integer) as laps_driven,
    cast(coalesce(summed.valid_laps, 0) as integer) as valid_laps,
    cast(coalesce(summed.clean_laps, 0) as integer) as clean_laps,
    summed.fastest_lap_time,
    summed.avg_pace_s,
    round(summed.median_pace_s, 4) as median_pace_s,
    case
        when summed.clean_laps >= {{ var('min_laps_for_degradation') }}
            then {{ slope_of_sums(
                'summed.clean_laps', 'summed.sum_x', 'summed.sum_y', 'summed.sum_xy', 'summed.sum_xx'
            ) | indent(12) }}
    end as degradation_s_per_lap,
    sets.is_new_set,
    sets.tyre_set_number,
    -- the source serves stints after the chequered flag; they contain no lap of the driver
    coalesce(sets.was_driven, stints.stint_laps > 0)
    and (
        stints.stint_laps = 0 or coalesce(summed.laps_driven, 0) > 0 or drivers_with_laps.session_key is null
    ) as is_driven,
    stints.is_repaired,
    stints.pulled_at
from {{ ref('silver_stints') }} as stints
left join summed
    on
        stints.session_key = summed.session_key
        and stints.driver_number = summed.driver_number
        and stints.stint_number = summed.stint_number
left join {{ ref('int_tyre_sets') }} as sets
    on
        stints.session_key = sets.session_key
        and stints.driver_number = sets.driver_number
        and stints.stint_number = sets.stint_number
left join drivers_with_laps
    on stints.session_key = drivers_with_laps.session_key and stints.driver_number = drivers_with_laps.driver_number
left join {{ ref('int_session_drivers') }} as drivers
    on stints.session_key = drivers.session_key and stints.driver_number = drivers.driver_number
left join {{ ref('silver_meetings') }} as meetings
    on stints.meeting_key = meetings.meeting_key
