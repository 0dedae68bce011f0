{{ config(materialized='incremental', incremental_strategy='replace_partitions', on_schema_change='fail') }}
{#-
One row per race or sprint with laps: what slowed and sped up the field, known after the race. None of it is a feature of the race's
own laps; circuit_priors takes it to later races.

The effects are the coefficients of one least-squares fit of the lap times of a dry race: lap time over lap number, age of each
compound, compound, traffic, with a constant per driver. Lap number is what remains after tyres and traffic: the fuel that is burnt
and the rubber that is laid. The source serves neither of them, so the effect is in seconds per lap and not in kilograms.

How: per driver the sums of products about the driver's means (exact integers, y in ms), added up per race, then Gauss-Jordan
elimination of all columns but the lap number. A column without variation of its own (a compound that nobody used) is left out. The
standard error is robust to the correlation of the laps of one driver: the sum over drivers of the squared scores.

Incremental by session.
-#}
{%- set others = ['age_soft', 'age_medium', 'age_hard', 'on_soft', 'on_hard', 'in_traffic'] -%}
{%- set columns = others + ['lap', 'y'] -%}
{%- set min_laps, min_drivers, least_share_of_own = 100, 5, 0.000001 -%}
with changed as (
    {{ changed_sessions([
        '(select session_key, built_from as pull_id from ' ~ ref('lap_features') ~ ') as features'
    ]) }}
),

laps as (
    select features.*, changed.built_from as effects_built_from
    from {{ ref('lap_features') }} as features
    inner join changed on features.session_key = changed.session_key
),

fitted_laps as (
    select
        session_key,
        driver_number,
        case when compound = 'SOFT' then tyre_age_laps else 0 end as age_soft,
        case when compound = 'MEDIUM' then tyre_age_laps else 0 end as age_medium,
        case when compound = 'HARD' then tyre_age_laps else 0 end as age_hard,
        case when compound = 'SOFT' then 1 else 0 end as on_soft,
        case when compound = 'HARD' then 1 else 0 end as on_hard,
        case when is_in_traffic then 1 else 0 end as in_traffic,
        lap_number as lap,
        {{ milliseconds('lap_time_s') }} as y
    from laps
    where
        hindsight_is_clean_lap
        and hindsight_is_dry_race
        and not is_wet_lap
        and compound in ('SOFT', 'MEDIUM', 'HARD')
        -- older ages do not occur; products of odd values would overflow
        and tyre_age_laps between 0 and 100
        and lap_number between 1 and 200
),

driver_sums as (
    select
        session_key,
        driver_number,
        {%- for a in columns %}
        sum(cast({{ a }} as bigint)) as s_{{ a }},
        {%- for b in columns[loop.index0:] %}
        sum(cast({{ a }} as bigint) * {{ b }}) as s_{{ a }}_{{ b }},
        {%- endfor %}
        {%- endfor %}
        count(*) as n
    from fitted_laps
    group by session_key, driver_number
),

-- the products about the driver's means
driver_products as (
    select
        session_key,
        driver_number,
        {%- for a in columns %}
        {%- for b in columns %}
        {%- set name = 's_' ~ a ~ '_' ~ b if columns.index(a) <= columns.index(b) else 's_' ~ b ~ '_' ~ a %}
        cast(n * {{ name }} - s_{{ a }} * s_{{ b }} as {{ type_double() }}) / n as {{ a }}_{{ b }},
        {%- endfor %}
        {%- endfor %}
        n
    from driver_sums
),

-- thousandths as integers: a sum of doubles would depend on the order of the rows
step_0 as (
    select
        session_key,
        {%- for a in columns[:-1] %}
        {%- for b in columns %}
        cast(sum(cast(round(1000 * {{ a }}_{{ b }}) as bigint)) as {{ type_double() }}) / 1000 as {{ a }}_{{ b }},
        {%- endfor %}
        cast(sum(cast(round(1000 * {{ a }}_{{ a }}) as bigint)) as {{ type_double() }}) / 1000 as total_{{ a }},
        {%- endfor %}
        sum(n) as fitted_laps,
        count(*) as fitted_drivers
    from driver_products
    group by session_key
    having sum(n) >= {{ min_laps }} and count(*) >= {{ min_drivers }}
),
{% for pivot in others %}
{%- set step = loop.index %}
{%- set later = columns[step:] %}

step_{{ step }} as (
    select
        session_key,
        {%- for a in columns[:-1] %}
        total_{{ a }},
        {%- for b in later %}
        {%- if a == pivot %}
        case
            when {{ pivot }}_{{ pivot }} > {{ least_share_of_own }} * total_{{ pivot }}
                then {{ pivot }}_{{ b }} / {{ pivot }}_{{ pivot }}
            else 0
        end as {{ a }}_{{ b }},
        {%- else %}
        {{ a }}_{{ b }} - case
            when {{ pivot }}_{{ pivot }} > {{ least_share_of_own }} * total_{{ pivot }}
                then {{ a }}_{{ pivot }} * {{ pivot }}_{{ b }} / {{ pivot }}_{{ pivot }}
            else 0
        end as {{ a }}_{{ b }},
        {%- endif %}
        {%- endfor %}
        {%- endfor %}
        fitted_laps,
        fitted_drivers
    from step_{{ step - 1 }}
),
{% endfor %}
-- per column, `x_` is its share in the lap number, `b_` its effect on the lap time in ms
coefficients as (
    select
        session_key,
        {%- for a in others %}
        {{ a }}_lap as x_{{ a }},
        {{ a }}_y - {{ a }}_lap * lap_y / lap_lap as b_{{ a }},
        total_{{ a }} > 0 as has_{{ a }},
        {%- endfor %}
        lap_y / lap_lap as b_lap,
        lap_lap,
        fitted_laps,
        fitted_drivers
    from step_{{ others | length }}
    where lap_lap > {{ least_share_of_own }} * total_lap
),

-- per driver, the sum of: lap number without the other columns, times residual
scores as (
    select
        coefficients.session_key,
        {%- for b in columns[:-1] + ['y'] %}
        {{ '-1.0 *' if b == 'y' else 'coefficients.b_' ~ b ~ ' *' }} (
            driver_products.lap_{{ b }}
            {%- for a in others %}
            - coefficients.x_{{ a }} * driver_products.{{ a }}_{{ b }}
            {%- endfor %}
        ){{ ' +' if not loop.last }}
        {%- endfor %} as score
    from coefficients
    inner join driver_products on coefficients.session_key = driver_products.session_key
),

errors as (
    select
        session_key,
        cast(sum(cast(round(score) as bigint) * cast(round(score) as bigint)) as {{ type_double() }}) as sum_of_squares
    from scores
    group by session_key
),

stops as (
    select session_key, count(*) as stops, median(lane_duration_s) as median_lane_duration_s
    from {{ ref('fact_pit_stops') }}
    where session_key in (select session_key from changed) and lane_duration_s <= {{ var('max_pit_stop_s') }}
    group by session_key
),

races as (
    select
        session_key,
        max(meeting_key) as meeting_key,
        max(season) as season,
        max(meeting_name) as meeting_name,
        max(session_category) as session_category,
        max(session_date) as session_date,
        max(circuit_key) as circuit_key,
        max(split) as split,
        max(split_all_seasons) as split_all_seasons,
        max(scheduled_laps) as scheduled_laps,
        max(lap_number) as laps_driven,
        count(distinct driver_number) as drivers,
        count(*) as driver_laps,
        count(case when hindsight_is_clean_lap then 1 end) as clean_laps,
        max(case when hindsight_is_dry_race then 1 else 0 end) = 1 as is_dry_race,
        count(distinct case when track_status = 'SC' then lap_number end) as safety_car_laps,
        count(distinct case when track_status = 'VSC' then lap_number end) as virtual_safety_car_laps,
        count(case when track_status = 'Red' then 1 end) > 0 as has_red_flag,
        median(case when hindsight_is_clean_lap then lap_time_s end) as median_clean_lap_s,
        count(case when is_in_traffic and hindsight_is_clean_lap then 1 end)
        / nullif(cast(count(case when hindsight_is_clean_lap then 1 end) as {{ type_double() }}), 0) as traffic_share,
        max(pulled_at) as pulled_at,
        max(effects_built_from) as built_from
    from laps
    group by session_key
)

select
    {{ surrogate_key(['races.session_key']) | indent(4) }} as race_effect_key,
    races.session_key,
    races.meeting_key,
    races.season,
    races.meeting_name,
    races.session_category,
    races.session_date,
    races.circuit_key,
    races.split,
    races.split_all_seasons,
    races.scheduled_laps,
    races.laps_driven,
    cast(races.drivers as integer) as drivers,
    cast(races.driver_laps as integer) as driver_laps,
    cast(races.clean_laps as integer) as clean_laps,
    races.is_dry_race,
    cast(races.safety_car_laps as integer) as safety_car_laps,
    cast(races.virtual_safety_car_laps as integer) as virtual_safety_car_laps,
    races.has_red_flag,
    round(races.median_clean_lap_s, 4) as median_clean_lap_s,
    round(races.traffic_share, 4) as traffic_share,
    cast(coalesce(stops.stops, 0) as integer) as timed_stops,
    round(stops.median_lane_duration_s, 3) as median_lane_duration_s,
    cast(coefficients.fitted_laps as integer) as fitted_laps,
    cast(coefficients.fitted_drivers as integer) as fitted_drivers,
    round(coefficients.b_lap / 1000, 5) as fuel_and_track_effect_s,
    round(
        sqrt(
            errors.sum_of_squares * coefficients.fitted_drivers / nullif(coefficients.fitted_drivers - 1, 0)
        ) / coefficients.lap_lap / 1000,
        5
    ) as fuel_and_track_standard_error_s,
    {%- for compound in ['soft', 'medium', 'hard'] %}
    case when coefficients.has_age_{{ compound }} then round(coefficients.b_age_{{ compound }} / 1000, 5) end
        as {{ compound }}_wear_s_per_lap,
    {%- endfor %}
    case when coefficients.has_in_traffic then round(coefficients.b_in_traffic / 1000, 5) end as traffic_effect_s,
    races.pulled_at,
    races.built_from
from races
left join stops on races.session_key = stops.session_key
left join coefficients on races.session_key = coefficients.session_key
left join errors on races.session_key = errors.session_key
