{#-
Comparison of team mates: one row per season, team and pair. `driver` is the person whose driver_id sorts first, `teammate` the
other one. Grands Prix only: sprints and their qualifying do not count.

Qualifying and race are won by the better position in the official classification. A driver who is not classified loses to one
who is; where neither is classified, neither wins. A session in which one of the two did not start or was disqualified does not
count. Gaps are driver minus team mate: negative means that `driver` was faster.
-#}
with entries as (
    select
        results.*,
        pace.median_pace_s,
        -- a person listed with two numbers counts once
        row_number() over (
            partition by results.session_key, results.driver_id, results.team_id
            order by results.position nulls last, results.driver_number
        ) as choice
    from {{ ref('fact_results') }} as results
    left join {{ ref('race_pace') }} as pace
        on results.session_key = pace.session_key and results.driver_number = pace.driver_number
    where
        results.session_category in ('Qualifying', 'Race')
        and results.driver_id is not null
        and results.team_id <> 'unknown-team'
        and results.status not in ('DNS', 'DSQ')
),

meetings_of_pair as (
    select
        driver.season,
        driver.team_id,
        driver.team_name,
        driver.constructor_id,
        driver.full_name,
        driver.name_acronym,
        mate.full_name as teammate_full_name,
        mate.name_acronym as teammate_name_acronym,
        driver.session_key,
        driver.session_category,
        driver.driver_id,
        mate.driver_id as teammate_id,
        {{ is_ahead('driver', 'mate') }} as is_won,
        {{ is_ahead('mate', 'driver') }} as is_lost,
        -- in the last phase that both drove
        case
            when driver.session_category = 'Qualifying'
                then {{ qualifying_gap('driver', 'mate') }}
        end as qualifying_gap_s,
        case when driver.session_category = 'Race' then driver.median_pace_s - mate.median_pace_s end as race_pace_gap_s
    from entries as driver
    inner join entries as mate
        on
            driver.session_key = mate.session_key
            and driver.team_id = mate.team_id
            and driver.driver_id < mate.driver_id
    where driver.choice = 1 and mate.choice = 1
)

select
    {{ surrogate_key(['season', 'team_id', 'driver_id', 'teammate_id']) | indent(4) }} as head_to_head_key,
    season,
    team_id,
    max_by(constructor_id, session_key) as constructor_id,
    max_by(team_name, session_key) as team_name,
    driver_id,
    max_by(name_acronym, session_key) as name_acronym,
    max_by(full_name, session_key) as full_name,
    teammate_id,
    max_by(teammate_name_acronym, session_key) as teammate_name_acronym,
    max_by(teammate_full_name, session_key) as teammate_full_name,
    cast(count(case when session_category = 'Qualifying' then 1 end) as integer) as qualifying_sessions,
    cast(count(case when session_category = 'Qualifying' and is_won then 1 end) as integer) as qualifying_wins,
    cast(count(case when session_category = 'Qualifying' and is_lost then 1 end) as integer) as teammate_qualifying_wins,
    round(median(qualifying_gap_s), 4) as median_qualifying_gap_s,
    cast(count(case when session_category = 'Race' then 1 end) as integer) as races,
    cast(count(case when session_category = 'Race' and is_won then 1 end) as integer) as race_wins,
    cast(count(case when session_category = 'Race' and is_lost then 1 end) as integer) as teammate_race_wins,
    round(median(race_pace_gap_s), 4) as median_race_pace_gap_s
from meetings_of_pair
group by season, team_id, driver_id, teammate_id
