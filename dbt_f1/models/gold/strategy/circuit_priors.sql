{#-
One row per race or sprint with laps: what earlier sessions of the same circuit, and earlier dry races anywhere, say before it
starts. Only sessions that started earlier are used, so the row may be joined to the laps of its session as a feature.
-#}
select
    {{ surrogate_key(['races.session_key']) | indent(4) }} as circuit_prior_key,
    races.session_key,
    races.season,
    races.circuit_key,
    races.session_date,
    cast(count(case when earlier.circuit_key = races.circuit_key then 1 end) as integer) as earlier_sessions_of_circuit,
    cast(count(earlier.session_key) as integer) as earlier_sessions,
    round(median(case when earlier.circuit_key = races.circuit_key then earlier.median_lane_duration_s end), 3)
        as median_lane_duration_s,
    round(median(case when earlier.circuit_key = races.circuit_key then earlier.fuel_and_track_effect_s end), 5)
        as fuel_and_track_effect_s,
    round(median(earlier.fuel_and_track_effect_s), 5) as fuel_and_track_effect_anywhere_s,
    {%- for compound in ['soft', 'medium', 'hard'] %}
    round(median(case when earlier.circuit_key = races.circuit_key then earlier.{{ compound }}_wear_s_per_lap end), 5)
        as {{ compound }}_wear_s_per_lap,
    {%- endfor %}
    round(
        cast(sum(case when earlier.circuit_key = races.circuit_key then earlier.safety_car_laps end) as {{ type_double() }})
        / nullif(sum(case when earlier.circuit_key = races.circuit_key then earlier.laps_driven end), 0),
        4
    ) as safety_car_share
from {{ ref('race_effects') }} as races
left join {{ ref('race_effects') }} as earlier
    on races.session_date > earlier.session_date
group by races.session_key, races.season, races.circuit_key, races.session_date
