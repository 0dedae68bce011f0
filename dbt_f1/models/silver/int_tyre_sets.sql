{#-
One row per stint: whether it is on a new set of tyres or still on the set of the stint before. Not published.

The source starts a stint at every visit to the pit lane, also where the car keeps its tyres. Incremental by session.

Another compound is a new set. Of stints in a row on one compound (a run), a stint is on the set of an earlier one when
1. its age is that set's age plus the laps driven since, or a later stint of the run says so (a wrong 0 in between:
   9655, cars 4 and 10), or its age is above var max_age_of_new_set_laps, more than a set has that is taken new;
2. the visit before it was a pass through the pit lane, and its age is not that of another used set;
3. the car was not in the pit lane before it, in a session whose visits are served, and the age is 0 or not known.

Ages above that var may be one lap off; below it a used set has about the same age, so they have to agree to the lap.
In practice and qualifying a set of any age may be fitted, so the var counts for races and sprints only.
-#}
with changed as (
    {{ changed_sessions([
        ref('silver_stints'),
        ref('silver_pit_stops'),
        ref('silver_race_control'),
        '(select session_key, session_category as pull_id from ' ~ ref('silver_sessions') ~ ') as categories'
    ]) }}
),

stints as (
    select
        silver_stints.session_key,
        silver_stints.driver_number,
        silver_stints.stint_number,
        silver_stints.compound,
        silver_stints.tyre_age_at_start,
        coalesce(silver_stints.lap_start, silver_stints.source_lap_start) as lap_start,
        silver_stints.source_lap_start,
        silver_stints.stint_laps,
        changed.built_from,
        coalesce(
            sessions.session_category in ('Race', 'Sprint')
            and silver_stints.tyre_age_at_start > {{ var('max_age_of_new_set_laps') }},
            false
        ) as is_too_old_to_be_new,
        lag(silver_stints.compound) over driver_stints as previous_compound,
        lead(silver_stints.stint_number) over driver_stints as next_stint_number
    from {{ ref('silver_stints') }} as silver_stints
    inner join changed on silver_stints.session_key = changed.session_key
    left join {{ ref('silver_sessions') }} as sessions on silver_stints.session_key = sessions.session_key
    window driver_stints as (
        partition by silver_stints.session_key, silver_stints.driver_number order by silver_stints.stint_number
    )
),

visited_sessions as (
    select distinct session_key from {{ ref('int_pit_visits') }} where session_key in (select session_key from changed)
),

visits as (
    select * from {{ ref('int_pit_visits') }}
    where next_stint_number is not null and session_key in (select session_key from changed)
),

runs as (
    select
        stints.*,
        sum(case when compound = previous_compound then 0 else 1 end) over (
            partition by stints.session_key, stints.driver_number order by stints.stint_number
            rows between unbounded preceding and current row
        ) as run_number
    from stints
),

-- a stint that is on the set of an earlier one of its run, by its age
same_ages as (
    select
        later.session_key,
        later.driver_number,
        earlier.stint_number as first_stint_number,
        later.stint_number as last_stint_number
    from runs as later
    inner join runs as earlier
        on
            later.session_key = earlier.session_key
            and later.driver_number = earlier.driver_number
            and later.run_number = earlier.run_number
            and later.stint_number > earlier.stint_number
    where
        later.tyre_age_at_start > 0
        and (
            abs(later.tyre_age_at_start - earlier.tyre_age_at_start - later.lap_start + earlier.lap_start)
            <= case when later.is_too_old_to_be_new then 1 else 0 end
            or later.tyre_age_at_start - earlier.tyre_age_at_start
            = later.source_lap_start - earlier.source_lap_start
        )
),

same_by_age as (
    select distinct runs.session_key, runs.driver_number, runs.stint_number
    from runs
    inner join same_ages
        on
            runs.session_key = same_ages.session_key
            and runs.driver_number = same_ages.driver_number
            and runs.stint_number > same_ages.first_stint_number
            and runs.stint_number <= same_ages.last_stint_number
),

judged as (
    select
        runs.*,
        coalesce(
            runs.compound = runs.previous_compound
            and (
                same_by_age.session_key is not null
                or runs.is_too_old_to_be_new
                or visits.is_too_short_to_stop
                or (
                    coalesce(runs.tyre_age_at_start, 0) = 0
                    and (
                        visits.is_behind_safety_car
                        or visits.is_penalty
                        or (visits.session_key is null and visited_sessions.session_key is not null)
                    )
                )
            ),
            false
        ) as is_same_set,
        next_visits.session_key is not null as ends_with_a_visit
    from runs
    left join same_by_age
        on
            runs.session_key = same_by_age.session_key
            and runs.driver_number = same_by_age.driver_number
            and runs.stint_number = same_by_age.stint_number
    left join visits
        on
            runs.session_key = visits.session_key
            and runs.driver_number = visits.driver_number
            and runs.stint_number = visits.next_stint_number
    left join visits as next_visits
        on
            runs.session_key = next_visits.session_key
            and runs.driver_number = next_visits.driver_number
            and runs.next_stint_number = next_visits.next_stint_number
    left join visited_sessions on runs.session_key = visited_sessions.session_key
)

select
    session_key,
    driver_number,
    stint_number,
    not is_same_set as is_new_set,
    cast(sum(case when is_same_set then 0 else 1 end) over (
        partition by session_key, driver_number order by stint_number
        rows between unbounded preceding and current row
    ) as integer) as tyre_set_number,
    -- a stint served without a lap, after which the car was in the pit lane, is the lap into it (9979, car 22)
    stint_laps > 0 or ends_with_a_visit as was_driven,
    built_from
from judged
