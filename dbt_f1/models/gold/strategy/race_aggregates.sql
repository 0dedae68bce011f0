{{ config(materialized='incremental', incremental_strategy='replace_partitions', on_schema_change='fail') }}
{#-
One row per driver of a race or sprint: aggregates of the driver's rows in lap_features. fact_stints and
driver_session_summary have the times of all laps; here are the conditions: traffic, gaps, the field, safety cars, telemetry.

A row is known once the session has ended (`known_at`): it uses the laps to the end and what is clean in hindsight. It may be joined to
sessions that start after `known_at`, never to laps of its own session.

Incremental by session.
-#}
with changed as (
    {{ changed_sessions([
        '(select session_key, built_from as pull_id from ' ~ ref('lap_features') ~ ') as features'
    ]) }}
),

laps as (
    select features.*, changed.built_from as aggregates_built_from
    from {{ ref('lap_features') }} as features
    inner join changed on features.session_key = changed.session_key
),

sessions as (
    select session_key, max(lap_ended_at) as known_at from laps group by session_key
),

grouped as (
    select
        session_key,
        driver_number,
        cast(count(distinct stint_number) as integer) as stints,
        cast(max(stops_so_far) as integer) as stops,
        max(meeting_key) as meeting_key,
        max(season) as season,
        max(driver_id) as driver_id,
        max(name_acronym) as name_acronym,
        max(full_name) as full_name,
        max(team_id) as team_id,
        max(constructor_id) as constructor_id,
        max(team_name) as team_name,
        max(meeting_name) as meeting_name,
        max(session_category) as session_category,
        max(session_date) as session_date,
        max(circuit_key) as circuit_key,
        max(split) as split,
        max(split_all_seasons) as split_all_seasons,
        {{ lap_aggregates() | indent(4) }},
        max(pulled_at) as pulled_at,
        max(aggregates_built_from) as built_from
    from laps
    group by session_key, driver_number
)

select
    {{ surrogate_key(['grouped.session_key', 'grouped.driver_number']) | indent(4) }} as race_aggregate_key,
    grouped.session_key,
    grouped.meeting_key,
    grouped.season,
    grouped.driver_number,
    grouped.driver_id,
    grouped.name_acronym,
    grouped.full_name,
    grouped.team_id,
    grouped.constructor_id,
    grouped.team_name,
    grouped.meeting_name,
    grouped.session_category,
    grouped.session_date,
    grouped.circuit_key,
    grouped.split,
    grouped.split_all_seasons,
    grouped.stints,
    grouped.stops,
    grouped.first_lap,
    grouped.last_lap,
    grouped.ended_at,
    grouped.laps,
    grouped.clean_laps,
    grouped.wet_laps,
    grouped.laps_in_traffic,
    grouped.safety_car_laps,
    grouped.first_position,
    grouped.last_position,
    grouped.best_clean_lap_s,
    grouped.median_clean_lap_s,
    grouped.median_pace_vs_field_s,
    grouped.median_gap_ahead_s,
    grouped.median_gap_behind_s,
    grouped.median_track_temperature_celsius,
    grouped.laps_with_telemetry,
    grouped.top_speed_kmh,
    grouped.median_full_throttle_share,
    grouped.median_braking_share,
    grouped.median_drs_share,
    grouped.median_gear_changes,
    sessions.known_at,
    grouped.pulled_at,
    grouped.built_from
from grouped
inner join sessions on grouped.session_key = sessions.session_key
