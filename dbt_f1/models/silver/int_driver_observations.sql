{#-
One row per observation of a driver in a dry race, from which driver_profiles estimates the scores. Not published.

pass_conversion   a lap begun less than 1.0 s behind the car ahead: 1 when the order is reversed at its end, else 0. Both laps are
                  green for both cars, and neither car is in the pit lane on them
first_lap_gain    positions gained on lap 1, of drivers with a grid position; `grid_zone` counts five positions each
consistency       residual of a clean lap in clear air, s: lap time minus the median of the field's clean laps of the same number,
                  minus the line through them over the stint
tyre_management   slope of a stint that spans at least 8 laps, minus the median slope of the race and compound, s per lap
pressure          the residual of consistency for laps with more than 2 s of free track ahead: with a car less than 1 s behind, and
                  as control (`is_control`) with none within 2 s

Values are integers (millionths), so that sums do not depend on the order of the rows. Incremental by session. The grid of a race
is compared by its positions: it is pulled with the qualifying session, which may be loaded after the race.
-#}
{%- set min_field, min_laps_of_line, min_span, min_stints = 5, 5, 8, 3 -%}
with changed as (
    {{ changed_sessions([
        '(select session_key, built_from as pull_id from ' ~ ref('lap_features')
        ~ " where session_category = 'Race' and hindsight_is_dry_race) as features",
        '(select session_key, ' ~ text_list(
            'cast(driver_number as ' ~ dbt.type_string() ~ ") || ':' || cast(grid_position as " ~ dbt.type_string() ~ ')',
            ' ', 'driver_number'
        ) ~ ' as pull_id from ' ~ ref('fact_results') ~ ' group by session_key) as grids'
    ]) }}
),

laps as (
    select
        features.session_key,
        features.season,
        features.driver_number,
        features.driver_id,
        features.team_id,
        features.lap_number,
        features.stint_number,
        features.compound,
        features.position,
        features.gap_ahead_s,
        features.driver_number_ahead,
        features.gap_on_track_s,
        coalesce(features.is_in_traffic, true) as is_in_traffic,
        features.hindsight_is_clean_lap as is_clean,
        features.track_status = 'Green' and not features.is_out_lap and not features.hindsight_is_in_lap as is_racing,
        {{ milliseconds('features.lap_time_s') }} as lap_ms,
        lead(features.lap_ended_at) over (
            partition by features.session_key, features.lap_number order by features.lap_ended_at, features.driver_number
        ) as next_car_at,
        features.lap_ended_at,
        changed.built_from
    from {{ ref('lap_features') }} as features
    inner join changed on features.session_key = changed.session_key
),

passes as (
    select
        own.session_key,
        own.driver_number,
        case when own_next.position < ahead_next.position then 1000000 else 0 end as value_millionths
    from laps as own
    inner join laps as own_next
        on
            own.session_key = own_next.session_key
            and own.driver_number = own_next.driver_number
            and own.lap_number = own_next.lap_number - 1
    inner join laps as ahead
        on
            own.session_key = ahead.session_key
            and own.driver_number_ahead = ahead.driver_number
            and own.lap_number = ahead.lap_number
    inner join laps as ahead_next
        on
            ahead.session_key = ahead_next.session_key
            and ahead.driver_number = ahead_next.driver_number
            and ahead.lap_number = ahead_next.lap_number - 1
    where
        own.gap_ahead_s < 1.0
        and own.is_racing
        and own_next.is_racing
        and ahead.is_racing
        and ahead_next.is_racing
        and own_next.position is not null
        and ahead_next.position is not null
),

first_laps as (
    select
        results.session_key,
        results.driver_number,
        cast(floor((results.grid_position - 1) / 5) as integer) as grid_zone,
        1000000 * (results.grid_position - facts.position_at_lap_end) as value_millionths
    from {{ ref('fact_results') }} as results
    inner join {{ ref('int_laps') }} as facts
        on results.session_key = facts.session_key and results.driver_number = facts.driver_number and facts.lap_number = 1
    where
        results.session_key in (select session_key from changed)
        and results.grid_position between 1 and 30
        and facts.position_at_lap_end between 1 and 30
),

field as (
    select session_key, lap_number, cast(round(median(lap_ms)) as bigint) as field_ms
    from laps
    where is_clean
    group by session_key, lap_number
    having count(*) >= {{ min_field }}
),

-- clean laps with a free track ahead, relative to the field
clear_laps as (
    select
        laps.*,
        laps.lap_ms - field.field_ms as delta_ms,
        {{ seconds_between('laps.lap_ended_at', 'laps.next_car_at') }} as gap_behind_s
    from laps
    inner join field on laps.session_key = field.session_key and laps.lap_number = field.lap_number
    where laps.is_clean and not laps.is_in_traffic and laps.stint_number is not null
),

lines as (
    select
        session_key,
        driver_number,
        stint_number,
        count(*) as n,
        cast(sum(delta_ms) as {{ type_double() }}) / count(*) as mean_ms,
        cast(sum(lap_number) as {{ type_double() }}) / count(*) as mean_lap,
        cast(count(*) * sum(lap_number * delta_ms) - sum(lap_number) * sum(delta_ms) as {{ type_double() }})
        / nullif(
            cast(count(*) * sum(lap_number * lap_number) - sum(lap_number) * sum(lap_number) as {{ type_double() }}), 0
        ) as slope_ms
    from clear_laps
    where lap_number between 1 and 200
    group by session_key, driver_number, stint_number
    having count(*) >= {{ min_laps_of_line }}
),

residuals as (
    select
        clear_laps.session_key,
        clear_laps.driver_number,
        clear_laps.gap_behind_s,
        cast(round(
            1000 * (
                clear_laps.delta_ms - lines.mean_ms - lines.slope_ms * (clear_laps.lap_number - lines.mean_lap)
            )
        ) as bigint) as value_millionths
    from clear_laps
    inner join lines
        on
            clear_laps.session_key = lines.session_key
            and clear_laps.driver_number = lines.driver_number
            and clear_laps.stint_number = lines.stint_number
    where clear_laps.lap_number between 1 and 200 and lines.slope_ms is not null
),

slopes as (
    select
        session_key,
        driver_number,
        stint_number,
        max(compound) as compound,
        cast(count(*) * sum(lap_number * lap_ms) - sum(lap_number) * sum(lap_ms) as {{ type_double() }})
        / nullif(
            cast(count(*) * sum(lap_number * lap_number) - sum(lap_number) * sum(lap_number) as {{ type_double() }}), 0
        ) as slope_ms
    from laps
    where is_clean and stint_number is not null and lap_number between 1 and 200
    group by session_key, driver_number, stint_number
    having max(lap_number) - min(lap_number) + 1 >= {{ min_span }} and count(*) >= {{ min_laps_of_line }}
),

usual_slopes as (
    select session_key, compound, median(slope_ms) as slope_ms
    from slopes
    group by session_key, compound
    having count(*) >= {{ min_stints }}
),

observations as (
    select session_key, driver_number, 'pass_conversion' as score, false as is_control, null as grid_zone, value_millionths
    from passes

    union all

    select session_key, driver_number, 'first_lap_gain', false, grid_zone, value_millionths from first_laps

    union all

    select session_key, driver_number, 'consistency', false, null, value_millionths from residuals

    union all

    select session_key, driver_number, 'pressure_response', not gap_behind_s < 1.0, null, value_millionths
    from residuals
    where gap_behind_s < 1.0 or gap_behind_s > 2.0

    union all

    select
        slopes.session_key,
        slopes.driver_number,
        'tyre_management',
        false,
        null,
        cast(round(1000 * (slopes.slope_ms - usual_slopes.slope_ms)) as bigint)
    from slopes
    inner join usual_slopes on slopes.session_key = usual_slopes.session_key and slopes.compound = usual_slopes.compound
    where slopes.slope_ms is not null
),

drivers as (
    select
        session_key,
        driver_number,
        max(season) as season,
        max(driver_id) as driver_id,
        max(team_id) as team_id,
        max(built_from) as built_from
    from laps
    group by session_key, driver_number
)

select
    observations.session_key,
    drivers.season,
    observations.driver_number,
    drivers.driver_id,
    drivers.team_id,
    observations.score,
    observations.is_control,
    cast(observations.grid_zone as integer) as grid_zone,
    cast(observations.value_millionths as bigint) as value_millionths,
    drivers.built_from
from observations
inner join drivers
    on observations.session_key = drivers.session_key and observations.driver_number = drivers.driver_number
where drivers.driver_id is not null
