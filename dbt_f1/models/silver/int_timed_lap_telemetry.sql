{#-
One row per driver and lap of a race or sprint with car data: the samples between the start and the end of the lap as the lap's own
row gives them. fact_lap_telemetry ends a lap with the start of the next one, which is not known at its end. Not published.

Incremental by session.
-#}
with changed as (
    {{ changed_sessions([
        ref('silver_car_data'),
        '(select session_key, built_from as pull_id from ' ~ ref('int_timed_laps') ~ ') as laps'
    ]) }}
),

laps as (
    select session_key, driver_number, lap_number, lap_started_at, lap_ended_at
    from {{ ref('int_timed_laps') }}
    where lap_started_at < lap_ended_at and session_key in (select session_key from changed)
),

samples as (
    select
        laps.session_key,
        laps.driver_number,
        laps.lap_number,
        car.speed,
        car.throttle,
        car.brake,
        car.drs,
        car.is_drs_open,
        car.n_gear,
        lag(car.n_gear) over (
            partition by laps.session_key, laps.driver_number, laps.lap_number order by car.date
        ) as previous_gear
    from laps
    inner join {{ ref('silver_car_data') }} as car
        on
            laps.session_key = car.session_key
            and laps.driver_number = car.driver_number
            and laps.lap_started_at <= car.date
            and laps.lap_ended_at > car.date
)

select
    samples.session_key,
    samples.driver_number,
    samples.lap_number,
    max(samples.speed) as top_speed_kmh,
    round(sum(samples.speed) / nullif(cast(count(samples.speed) as {{ type_double() }}), 0), 2) as mean_speed_kmh,
    round(
        count(case when samples.throttle >= {{ var('full_throttle_percent') }} then 1 end)
        / nullif(cast(count(samples.throttle) as {{ type_double() }}), 0),
        4
    ) as full_throttle_share,
    round(
        count(case when samples.brake > 0 then 1 end) / nullif(cast(count(samples.brake) as {{ type_double() }}), 0), 4
    ) as braking_share,
    round(
        count(case when samples.is_drs_open then 1 end) / nullif(cast(count(samples.drs) as {{ type_double() }}), 0), 4
    ) as drs_share,
    cast(count(case when samples.n_gear <> samples.previous_gear then 1 end) as integer) as gear_changes,
    max(changed.built_from) as built_from
from samples
inner join changed on samples.session_key = changed.session_key
group by samples.session_key, samples.driver_number, samples.lap_number
