{#
Aggregates of lap_features over the laps of a group (a stint, or a race of a driver), as the columns of a select list.

They use laps to the end of the group and hindsight: a row is known once the session has ended, and none of its values is a feature of
a lap of the session.
#}
{% macro lap_aggregates() -%}
    cast(min(lap_number) as integer) as first_lap,
    cast(max(lap_number) as integer) as last_lap,
    max(lap_ended_at) as ended_at,
    cast(count(*) as integer) as laps,
    cast(count(case when hindsight_is_clean_lap then 1 end) as integer) as clean_laps,
    cast(count(case when is_wet_lap then 1 end) as integer) as wet_laps,
    cast(count(case when is_in_traffic then 1 end) as integer) as laps_in_traffic,
    cast(count(case when track_status in ('SC', 'VSC') then 1 end) as integer) as safety_car_laps,
    cast(min_by(position, case when position is not null then lap_number end) as integer) as first_position,
    cast(max_by(position, case when position is not null then lap_number end) as integer) as last_position,
    round(cast(min(case when hindsight_is_clean_lap then lap_time_s end) as {{ type_double() }}), 3) as best_clean_lap_s,
    round(cast(median(case when hindsight_is_clean_lap then lap_time_s end) as {{ type_double() }}), 4) as median_clean_lap_s,
    round(
        median(case when hindsight_is_clean_lap and laps_since_clean_lap = 0 then pace_last_1_vs_field_s end), 4
    ) as median_pace_vs_field_s,
    round(cast(median(gap_ahead_s) as {{ type_double() }}), 3) as median_gap_ahead_s,
    round(cast(median(gap_behind_s) as {{ type_double() }}), 3) as median_gap_behind_s,
    round(median(track_temperature_celsius), 2) as median_track_temperature_celsius,
    cast(count(full_throttle_share) as integer) as laps_with_telemetry,
    cast(max(top_speed_kmh) as integer) as top_speed_kmh,
    round(median(full_throttle_share), 4) as median_full_throttle_share,
    round(median(braking_share), 4) as median_braking_share,
    round(median(drs_share), 4) as median_drs_share,
    round(cast(median(gear_changes) as {{ type_double() }}), 1) as median_gear_changes
{%- endmacro %}
