{{ config(materialized='table') }}
{#-
One row per period (a season, or 0 for the career), driver and score: the estimate and what it is worth. Not published.

- Standard error: the scatter of the observations within drivers, times the ratio by which the laps of one race are alike (from the
  scatter between races). For the median of absolute residuals 1.166 * estimate / sqrt(n), the value of a normal distribution.
- Shrunk estimate (empirical Bayes): towards the mean of the drivers, the more the larger the error is in relation to the scatter
  between drivers beyond the errors. The interval (95 %) includes the error of that mean.
- Reliability: the correlation over the drivers between the estimates from two halves of the races, averaged over 31 balanced
  halvings (the parity of the bits that the race number and a mask share). Not corrected for the halved length.
- Team-mates: the same car in the same season, so the fairest comparison. Their mean is weighted by observations.
-#}
{%- set bits = [1, 2, 4, 8, 16] -%}
{%- set min_drivers, told_apart_from = 8, 0.4 -%}
with dated as (
    select
        observations.*,
        sessions.date_start
    from {{ ref('int_driver_observations') }} as observations
    inner join {{ ref('silver_sessions') }} as sessions on observations.session_key = sessions.session_key
),

in_periods as (
    select season as period, dated.* from dated
    union all
    select 0 as period, dated.* from dated
),

zones as (
    select period, grid_zone, cast(round(cast(sum(value_millionths) as {{ type_double() }}) / count(*)) as bigint) as usual
    from in_periods
    where score = 'first_lap_gain'
    group by period, grid_zone
),

observations as (
    select
        in_periods.period,
        in_periods.season,
        in_periods.session_key,
        in_periods.driver_id,
        in_periods.team_id,
        in_periods.score,
        in_periods.is_control,
        case
            when in_periods.score = 'first_lap_gain' then in_periods.value_millionths - zones.usual
            when in_periods.score = 'consistency' then abs(in_periods.value_millionths)
            else in_periods.value_millionths
        end as value_millionths,
        dense_rank() over (
            partition by in_periods.period order by in_periods.date_start, in_periods.session_key
        ) - 1 as race_index
    from in_periods
    left join zones on in_periods.period = zones.period and in_periods.grid_zone = zones.grid_zone
),

estimates as (
    select
        period,
        driver_id,
        score,
        count(case when not is_control then 1 end) as n,
        count(case when is_control then 1 end) as controls,
        {{ score_estimate() | indent(8) }} as estimate,
        cast(sum(case when not is_control then value_millionths end) as {{ type_double() }})
        / nullif(count(case when not is_control then 1 end), 0) as mean_millionths
    from observations
    group by period, driver_id, score
),

-- per driver: the squared deviations of observations, and of the sums of each race
race_deviations as (
    select
        observations.period,
        observations.driver_id,
        observations.score,
        sum(power((observations.value_millionths - estimates.mean_millionths) / 1000000.0, 2)) as within_squares,
        power(sum((observations.value_millionths - estimates.mean_millionths) / 1000000.0), 2) as race_square
    from observations
    inner join estimates
        on
            observations.period = estimates.period
            and observations.driver_id = estimates.driver_id
            and observations.score = estimates.score
    where not observations.is_control
    group by observations.period, observations.driver_id, observations.score, observations.session_key
),

scatters as (
    select
        deviations.period,
        deviations.score,
        sqrt(sum(deviations.within_squares) / nullif(max(counts.n) - max(counts.drivers), 0)) as within_sd,
        greatest(1.0, sum(deviations.race_square) / nullif(sum(deviations.within_squares), 0)) as race_ratio
    from race_deviations as deviations
    inner join (
        select period, score, sum(n) as n, count(*) as drivers from estimates group by period, score
    ) as counts on deviations.period = counts.period and deviations.score = counts.score
    group by deviations.period, deviations.score
),

with_errors as (
    select
        estimates.*,
        {{ score_standard_error('estimates') | indent(8) }} as standard_error
    from estimates
    inner join scatters on estimates.period = scatters.period and estimates.score = scatters.score
    where estimates.n > 0 and estimates.estimate is not null
),

-- the drivers with enough observations: their mean, and their scatter beyond the errors
populations as (
    select
        period,
        score,
        count(*) as drivers,
        sum(estimate) / count(*) as mean_estimate,
        greatest(0.0, coalesce(var_samp(estimate), 0) - sum(standard_error * standard_error) / count(*)) as variance,
        (coalesce(var_samp(estimate), 0) + 0.0) / count(*) as variance_of_mean
    from with_errors
    where n >= 2 * {{ min_observations_of_half() | indent(8) }}
    group by period, score
),

masks as (
    select numbers.mask
    from (
        values
        {%- for mask in range(1, 32) %}
        ({{ mask }}){{ ',' if not loop.last }}
        {%- endfor %}
    ) as numbers (mask)
),

halves as (
    select
        observations.period,
        observations.score,
        observations.driver_id,
        masks.mask,
        mod(
            {%- for bit in bits %}
            mod(cast(floor(masks.mask / {{ bit }}) as integer), 2)
            * mod(cast(floor(observations.race_index / {{ bit }}) as integer), 2){{ ' +' if not loop.last }}
            {%- endfor %},
            2
        ) as half,
        observations.is_control,
        observations.value_millionths
    from observations
    cross join masks
),

half_estimates as (
    select
        period,
        score,
        driver_id,
        mask,
        half,
        {{ score_estimate() | indent(8) }} as estimate
    from halves
    group by period, score, driver_id, mask, half
    having count(case when not is_control then 1 end) >= {{ min_observations_of_half() | indent(8) }}
),

reliabilities as (
    select period, score, round(sum(correlation) / count(correlation), 3) as reliability
    from (
        select
            first_half.period,
            first_half.score,
            first_half.mask,
            round(corr(first_half.estimate, second_half.estimate), 9) as correlation
        from half_estimates as first_half
        inner join half_estimates as second_half
            on
                first_half.period = second_half.period
                and first_half.score = second_half.score
                and first_half.driver_id = second_half.driver_id
                and first_half.mask = second_half.mask
        where first_half.half = 0 and second_half.half = 1
        group by first_half.period, first_half.score, first_half.mask
        having count(*) >= {{ min_drivers }} and stddev_samp(first_half.estimate) > 0 and stddev_samp(second_half.estimate) > 0
    ) as correlations
    group by period, score
),

in_cars as (
    select
        season,
        team_id,
        driver_id,
        score,
        count(case when not is_control then 1 end) as n,
        count(case when is_control then 1 end) as controls,
        {{ score_estimate() | indent(8) }} as estimate
    from observations
    where period > 0
    group by season, team_id, driver_id, score
),

cars_with_errors as (
    select
        in_cars.*,
        {{ score_standard_error('in_cars') | indent(8) }} as standard_error
    from in_cars
    inner join scatters on in_cars.season = scatters.period and in_cars.score = scatters.score
    where in_cars.n > 0 and in_cars.estimate is not null and in_cars.team_id <> 'unknown-team'
),

against_mates as (
    select
        own.season,
        own.driver_id,
        own.score,
        own.n,
        own.estimate - sum(mates.n * mates.estimate) / sum(mates.n) as difference,
        own.standard_error * own.standard_error
        + sum(power(mates.n * mates.standard_error, 2)) / power(sum(mates.n), 2) as variance
    from cars_with_errors as own
    inner join cars_with_errors as mates
        on
            own.season = mates.season
            and own.team_id = mates.team_id
            and own.score = mates.score
            and own.driver_id <> mates.driver_id
    group by own.season, own.team_id, own.driver_id, own.score, own.n, own.estimate, own.standard_error
),

mates as (
    select
        period,
        driver_id,
        score,
        sum(n * difference) / sum(n) as vs_team_mate,
        sqrt(sum(power(n, 2) * variance)) / sum(n) as error_vs_team_mate
    from (
        select season as period, against_mates.* from against_mates
        union all
        select 0 as period, against_mates.* from against_mates
    ) as by_period
    group by period, driver_id, score
),

shrunk as (
    select
        with_errors.*,
        populations.mean_estimate,
        populations.variance / nullif(populations.variance + power(with_errors.standard_error, 2), 0) as own_share,
        populations.variance_of_mean
    from with_errors
    inner join populations on with_errors.period = populations.period and with_errors.score = populations.score
    where populations.drivers >= {{ min_drivers }}
)

select
    with_errors.period,
    with_errors.driver_id,
    with_errors.score,
    round(with_errors.estimate, 4) as estimate,
    cast(with_errors.n as integer) as n,
    round(with_errors.standard_error, 4) as standard_error,
    {%- set centre = 'shrunk.mean_estimate + shrunk.own_share * (shrunk.estimate - shrunk.mean_estimate)' %}
    {%- set width = '1.96 * sqrt(shrunk.own_share * power(shrunk.standard_error, 2)'
        ~ ' + power(1 - shrunk.own_share, 2) * shrunk.variance_of_mean)' %}
    round({{ centre }}, 4) as shrunk,
    round({{ centre }} - {{ width }}, 4) as low,
    round({{ centre }} + {{ width }}, 4) as high,
    reliabilities.reliability,
    coalesce(reliabilities.reliability >= {{ told_apart_from }}, false) as can_be_told_apart,
    round(mates.vs_team_mate, 4) as vs_team_mate,
    round(mates.vs_team_mate - 1.96 * mates.error_vs_team_mate, 4) as vs_team_mate_low,
    round(mates.vs_team_mate + 1.96 * mates.error_vs_team_mate, 4) as vs_team_mate_high
from with_errors
left join shrunk
    on
        with_errors.period = shrunk.period
        and with_errors.driver_id = shrunk.driver_id
        and with_errors.score = shrunk.score
left join reliabilities on with_errors.period = reliabilities.period and with_errors.score = reliabilities.score
left join mates
    on
        with_errors.period = mates.period
        and with_errors.driver_id = mates.driver_id
        and with_errors.score = mates.score
