{#-
One row per race or sprint with laps: the fold in which it is predicted, by models that are trained on all earlier sessions, and on no
other. The first fold has nothing to train on.
-#}
select
    {{ surrogate_key(['races.session_key']) | indent(4) }} as rolling_origin_fold_key,
    cast(row_number() over (order by races.session_date, races.session_key) as integer) as fold,
    races.session_key,
    races.season,
    races.meeting_name,
    races.session_category,
    races.split,
    races.session_date as trained_before,
    min(earlier.session_date) as trained_from,
    cast(count(earlier.session_key) as integer) as training_sessions,
    cast(coalesce(sum(earlier.driver_laps), 0) as integer) as training_laps
from {{ ref('race_effects') }} as races
left join {{ ref('race_effects') }} as earlier
    on races.session_date > earlier.session_date
group by
    races.session_key, races.season, races.meeting_name, races.session_category, races.split, races.session_date
