{#-
One row per season, circuit and corner, from MultiViewer: empty unless F1_SOURCES names it. A letter follows the number where
corners share one (9A, 9B).
-#}
select
    corners.circuit_corner_key,
    corners.season,
    corners.circuit_key,
    circuits.circuit_id,
    corners.number as corner_number,
    corners.letter as corner_letter,
    cast(corners.number as {{ dbt.type_string() }}) || coalesce(corners.letter, '') as corner_label,
    round(corners.length / 10, 2) as lap_distance_m,
    corners.x as position_x,
    corners.y as position_y,
    corners.angle as label_angle,
    corners.rotation as track_rotation,
    corners.pulled_at
from {{ ref('silver_multiviewer_corners') }} as corners
left join {{ ref('int_circuits') }} as circuits
    on corners.circuit_key = circuits.circuit_key
