{{ config(materialized='incremental', incremental_strategy='replace_partitions', on_schema_change='fail') }}
{#-
One row per driver and lap of a race or sprint: what is known at the end of the lap, and nothing later, so that a model that is
trained on it can run during a race. Columns that start with `hindsight_` are the exception: they select laps for training and
scoring, and are no features.

The lap itself comes from int_timed_laps. Of other cars a lap counts if its number is not higher than this one's, and if it ended
before. Both conditions are needed: a lapped car ends its lap after the leader has ended the next one.

Incremental by session; no value depends on another session.
-#}
{%- set last_laps = [1, 3, 5] -%}
{#- Laps in which the last clean laps are looked for, and laps that a car ahead on the track may be behind. -#}
{%- set laps_back = 15 -%}
{%- set laps_down = 5 -%}
with changed as (
    {{ changed_sessions([
        '(select session_key, built_from as pull_id from ' ~ ref('int_timed_laps') ~ ') as timed_laps',
        '(select session_key, built_from as pull_id from ' ~ ref('int_timed_lap_telemetry') ~ ') as telemetry',
        '(select session_key, built_from as pull_id from ' ~ ref('int_laps') ~ ') as laps',
        '(select session_key, ' ~ text_list('driver_id || team_name', ' ', 'driver_number') ~ ' as pull_id from '
        ~ ref('int_session_drivers') ~ ' group by session_key) as drivers'
    ]) }}
),

laps as (
    select
        timed.*,
        known.is_pit_in_lap as hindsight_is_in_lap,
        known.is_deleted as hindsight_is_deleted,
        known.is_clean_lap as hindsight_is_clean_lap,
        known.pulled_at,
        changed.built_from as features_built_from,
        timed.driven_ms / 1000.0 as lap_time_s,
        coalesce(
            timed.lap_number > 1
            and timed.driven_ms between 1000 * {{ var('min_valid_lap_s') }} and 1000 * {{ var('max_valid_lap_s') }}
            and not timed.is_out_lap
            and coalesce(timed.track_status, 'Green') = 'Green',
            false
        ) as is_green_lap,
        coalesce(timed.compound in ('INTERMEDIATE', 'WET') or timed.is_raining, false) as is_wet_lap,
        lead(timed.is_out_lap) over (
            partition by timed.session_key, timed.driver_number order by timed.lap_number
        ) as next_is_out_lap
    from {{ ref('int_timed_laps') }} as timed
    inner join changed on timed.session_key = changed.session_key
    inner join {{ ref('int_laps') }} as known
        on
            timed.session_key = known.session_key
            and timed.driver_number = known.driver_number
            and timed.lap_number = known.lap_number
    where known.is_after_chequered_flag is not true
),

-- a lap is clean relative to the laps of the stint so far
stint_medians as (
    select laps.session_key, laps.driver_number, laps.lap_number, median(earlier.driven_ms) as median_ms
    from laps
    inner join laps as earlier
        on
            laps.session_key = earlier.session_key
            and laps.driver_number = earlier.driver_number
            and coalesce(laps.stint_number, 0) = coalesce(earlier.stint_number, 0)
            and laps.lap_number >= earlier.lap_number
    where laps.is_green_lap and earlier.is_green_lap
    group by laps.session_key, laps.driver_number, laps.lap_number
),

judged as (
    select
        laps.*,
        coalesce(laps.is_green_lap and laps.driven_ms <= {{ var('clean_lap_max_ratio') }} * stint_medians.median_ms, false)
            as is_clean_so_far
    from laps
    left join stint_medians
        on
            laps.session_key = stint_medians.session_key
            and laps.driver_number = stint_medians.driver_number
            and laps.lap_number = stint_medians.lap_number
),

-- the cars that have completed the lap, in the order over the line; lap 1 has no start of its own in many races
crossings as (
    select
        session_key,
        driver_number,
        lap_number,
        line_ms,
        row_number() over lap_order as position,
        line_ms - min(line_ms) over (partition by session_key, lap_number) as gap_to_leader_ms,
        line_ms - lag(line_ms) over lap_order as gap_ahead_ms,
        lag(driver_number) over lap_order as driver_ahead
    from judged
    where line_ms is not null
    window lap_order as (partition by session_key, lap_number order by line_ms, driver_number)
),

-- the car behind has not completed the lap yet: its gap is that of the lap before
-- of two cars that cross the line at the same time, the lower number is behind
behind as (
    select
        own.session_key,
        own.driver_number,
        own.lap_number,
        min(others.line_ms - own_previous.line_ms) as gap_behind_ms,
        min_by(others.driver_number, others.line_ms * 1000 + others.driver_number) as driver_behind
    from crossings as own
    inner join crossings as own_previous
        on
            own.session_key = own_previous.session_key
            and own.driver_number = own_previous.driver_number
            and own.lap_number = own_previous.lap_number + 1
    inner join crossings as others
        on
            own.session_key = others.session_key
            and own.driver_number <> others.driver_number
            and own.lap_number = others.lap_number + 1
            and own_previous.line_ms <= others.line_ms
            and own.line_ms >= others.line_ms
    left join crossings as others_now
        on
            others.session_key = others_now.session_key
            and others.driver_number = others_now.driver_number
            and own.lap_number = others_now.lap_number
            and own.line_ms >= others_now.line_ms
    where others_now.driver_number is null
    group by own.session_key, own.driver_number, own.lap_number
),

-- the last car over the line before this one, on whichever lap
on_track as (
    select own.session_key, own.driver_number, own.lap_number, own.line_ms - max(others.line_ms) as gap_ms
    from crossings as own
    inner join crossings as others
        on
            own.session_key = others.session_key
            and own.driver_number <> others.driver_number
            and others.lap_number between own.lap_number - {{ laps_down }} and own.lap_number
            and others.line_ms between own.line_ms - 1000 * {{ var('max_gap_on_track_s') }} and own.line_ms
    group by own.session_key, own.driver_number, own.lap_number, own.line_ms
),

-- the last clean laps, newest first. Whether a lap was an in-lap is known from the next one on.
clean_laps as (
    select
        laps.session_key,
        laps.driver_number,
        laps.lap_number,
        laps.line_ms,
        clean.lap_number as clean_lap_number,
        clean.driven_ms,
        row_number() over (
            partition by laps.session_key, laps.driver_number, laps.lap_number order by clean.lap_number desc
        ) as age
    from judged as laps
    inner join judged as clean
        on
            laps.session_key = clean.session_key
            and laps.driver_number = clean.driver_number
            and clean.lap_number between laps.lap_number - {{ laps_back }} and laps.lap_number
    where
        clean.is_clean_so_far
        and laps.line_ms is not null
        and (
            clean.lap_number = laps.lap_number
            or not (coalesce(clean.next_is_out_lap, false) or coalesce(clean.left_pit_at <= laps.lap_ended_at, false))
        )
),

-- the median of the field on a lap, each time another car has completed it; a car takes the last one that is known at its
-- own line
field_medians as (
    select own.session_key, own.lap_number, own.line_ms, median(others.driven_ms) as median_ms
    from (select distinct session_key, lap_number, line_ms from judged where is_clean_so_far) as own
    inner join judged as others
        on
            own.session_key = others.session_key
            and own.lap_number = others.lap_number
            and own.line_ms >= others.line_ms
    where others.is_clean_so_far
    group by own.session_key, own.lap_number, own.line_ms
    having count(*) >= {{ var('min_cars_of_field') }}
),

last_of_field as (
    select
        own.session_key,
        own.driver_number,
        own.lap_number,
        own.clean_lap_number,
        own.driven_ms,
        max(others.line_ms) as line_ms
    from clean_laps as own
    inner join judged as others
        on
            own.session_key = others.session_key
            and own.clean_lap_number = others.lap_number
            and own.line_ms >= others.line_ms
    where own.age <= {{ last_laps | last }} + 1 and others.is_clean_so_far
    group by own.session_key, own.driver_number, own.lap_number, own.clean_lap_number, own.driven_ms
),

field_laps as (
    select
        own.session_key,
        own.driver_number,
        own.lap_number,
        own.driven_ms - field_medians.median_ms as delta_ms,
        row_number() over (
            partition by own.session_key, own.driver_number, own.lap_number order by own.clean_lap_number desc
        ) as age
    from last_of_field as own
    inner join field_medians
        on
            own.session_key = field_medians.session_key
            and own.clean_lap_number = field_medians.lap_number
            and own.line_ms = field_medians.line_ms
),

paces_vs_field as (
    select
        session_key,
        driver_number,
        lap_number,
        {%- for laps in last_laps %}
        round(
            cast(sum(case when age <= {{ laps }} then delta_ms end) as {{ type_double() }})
            / (1000 * count(case when age <= {{ laps }} then 1 end)), 4
        ) as last_{{ laps }}_s,
        {%- endfor %}
        count(*) as compared_laps
    from field_laps
    group by session_key, driver_number, lap_number
),

paces as (
    select
        session_key,
        driver_number,
        lap_number,
        {%- for laps in last_laps %}
        round(
            cast(sum(case when age <= {{ laps }} then driven_ms end) as {{ type_double() }})
            / (1000 * count(case when age <= {{ laps }} then 1 end)), 4
        ) as last_{{ laps }}_s,
        {%- endfor %}
        max(clean_lap_number) as last_clean_lap_number
    from clean_laps
    group by session_key, driver_number, lap_number
),

session_facts as (
    select
        laps.session_key,
        max(sessions.session_category) as session_category,
        max(sessions.date_start) as session_date,
        max(sessions.circuit_key) as circuit_key,
        max(distances.scheduled_laps) as scheduled_laps,
        -- no more than a few laps on tyres for rain
        sum(case when laps.compound in ('INTERMEDIATE', 'WET') then 1.0 else 0 end) / nullif(count(laps.compound), 0)
        <= {{ var('max_wet_share_of_dry_race') }} as hindsight_is_dry_race
    from laps
    inner join {{ ref('silver_sessions') }} as sessions on laps.session_key = sessions.session_key
    left join {{ ref('race_distances') }} as distances
        on
            sessions.circuit_key = distances.circuit_key
            and sessions.session_category = distances.session_category
            and sessions.season between distances.first_season and distances.last_season
    group by laps.session_key
),

with_traffic as (
    select
        judged.*,
        case when judged.lap_number > 1 then crossings.position end as position,
        case when judged.lap_number > 1 then crossings.gap_to_leader_ms end as gap_to_leader_ms,
        case when judged.lap_number > 1 then crossings.gap_ahead_ms end as gap_ahead_ms,
        case when judged.lap_number > 1 then crossings.driver_ahead end as driver_ahead,
        on_track.gap_ms as gap_on_track_ms,
        case
            when judged.line_ms is not null then coalesce(on_track.gap_ms < 1000 * {{ var('max_gap_in_traffic_s') }}, false)
        end as is_in_traffic
    from judged
    left join crossings
        on
            judged.session_key = crossings.session_key
            and judged.driver_number = crossings.driver_number
            and judged.lap_number = crossings.lap_number
    left join on_track
        on
            judged.session_key = on_track.session_key
            and judged.driver_number = on_track.driver_number
            and judged.lap_number = on_track.lap_number
),

counted as (
    select
        *,
        sum(case when is_in_traffic then 1 else 0 end) over stint_so_far as laps_in_traffic_of_stint,
        sum(case when is_clean_so_far then 1 else 0 end) over stint_so_far as clean_laps_of_stint
    from with_traffic
    window
        stint_so_far as (
            partition by session_key, driver_number, stint_number order by lap_number
            rows between unbounded preceding and current row
        )
)

select
    {{ surrogate_key(['laps.session_key', 'laps.driver_number', 'laps.lap_number']) | indent(4) }} as lap_feature_key,
    laps.session_key,
    laps.meeting_key,
    laps.season,
    laps.driver_number,
    {{ driver_columns() }},
    session_facts.session_category,
    session_facts.session_date,
    session_facts.circuit_key,
    openf1_era.split,
    all_seasons.split as split_all_seasons,
    laps.lap_number,
    session_facts.scheduled_laps,
    case when laps.lap_number <= session_facts.scheduled_laps then session_facts.scheduled_laps - laps.lap_number end
        as laps_remaining,
    case
        when laps.lap_number <= session_facts.scheduled_laps
            then round(laps.lap_number / cast(session_facts.scheduled_laps as {{ type_double() }}), 4)
    end as race_progress,
    laps.lap_started_at,
    laps.lap_ended_at,
    laps.lap_time_s,
    laps.duration_sector_1 as sector_1_s,
    laps.duration_sector_2 as sector_2_s,
    laps.duration_sector_3 as sector_3_s,
    laps.intermediate_1_speed as intermediate_1_speed_kmh,
    laps.intermediate_2_speed as intermediate_2_speed_kmh,
    laps.speed_trap_speed as speed_trap_kmh,
    laps.stint_number,
    laps.compound,
    laps.tyre_age_laps,
    laps.stint_age_laps,
    laps.stops_so_far,
    cast(laps.position as integer) as position,
    laps.gap_to_leader_ms / 1000.0 as gap_to_leader_s,
    laps.gap_ahead_ms / 1000.0 as gap_ahead_s,
    behind.gap_behind_ms / 1000.0 as gap_behind_s,
    laps.driver_ahead as driver_number_ahead,
    behind.driver_behind as driver_number_behind,
    laps.gap_on_track_ms / 1000.0 as gap_on_track_s,
    laps.is_in_traffic,
    cast(laps.laps_in_traffic_of_stint as integer) as laps_in_traffic_of_stint,
    laps.track_status,
    laps.is_out_lap,
    laps.is_green_lap,
    laps.is_wet_lap,
    laps.is_clean_so_far,
    cast(laps.clean_laps_of_stint as integer) as clean_laps_of_stint,
    laps.air_temperature as air_temperature_celsius,
    laps.track_temperature as track_temperature_celsius,
    laps.humidity as humidity_pct,
    laps.pressure as pressure_mbar,
    laps.wind_speed as wind_speed_m_s,
    laps.is_raining,
    {%- for n in last_laps %}
    paces.last_{{ n }}_s as pace_last_{{ n }}_clean_s,
    paces_vs_field.last_{{ n }}_s as pace_last_{{ n }}_vs_field_s,
    {%- endfor %}
    cast(laps.lap_number - paces.last_clean_lap_number as integer) as laps_since_clean_lap,
    telemetry.top_speed_kmh,
    telemetry.mean_speed_kmh,
    telemetry.full_throttle_share,
    telemetry.braking_share,
    telemetry.drs_share,
    telemetry.gear_changes,
    laps.hindsight_is_in_lap,
    laps.hindsight_is_deleted,
    laps.hindsight_is_clean_lap,
    session_facts.hindsight_is_dry_race,
    laps.pulled_at,
    laps.features_built_from as built_from
from counted as laps
inner join session_facts on laps.session_key = session_facts.session_key
left join behind
    on
        laps.session_key = behind.session_key
        and laps.driver_number = behind.driver_number
        and laps.lap_number = behind.lap_number
left join paces
    on
        laps.session_key = paces.session_key
        and laps.driver_number = paces.driver_number
        and laps.lap_number = paces.lap_number
left join paces_vs_field
    on
        laps.session_key = paces_vs_field.session_key
        and laps.driver_number = paces_vs_field.driver_number
        and laps.lap_number = paces_vs_field.lap_number
left join {{ ref('int_timed_lap_telemetry') }} as telemetry
    on
        laps.session_key = telemetry.session_key
        and laps.driver_number = telemetry.driver_number
        and laps.lap_number = telemetry.lap_number
left join {{ ref('dim_splits') }} as openf1_era
    on
        openf1_era.scheme = 'openf1_era'
        and session_facts.session_date >= openf1_era.date_from
        and session_facts.session_date < openf1_era.date_to
left join {{ ref('dim_splits') }} as all_seasons
    on
        all_seasons.scheme = 'all_seasons'
        and session_facts.session_date >= all_seasons.date_from
        and session_facts.session_date < all_seasons.date_to
left join {{ ref('int_session_drivers') }} as drivers
    on laps.session_key = drivers.session_key and laps.driver_number = drivers.driver_number
left join {{ ref('silver_meetings') }} as meetings
    on laps.meeting_key = meetings.meeting_key
