{#-
A driver's race or sprint on tyres, in one row: compounds in order, stint lengths, stops and what the pit lane cost.

Stints count sets of tyres that were driven on; stops count trips through the pit lane. They differ: under a red flag tyres
change without a stop that costs time, and a drive-through stops without a change. The cost leaves out stops under a red
flag, when the race stood.
-#}
with stints as (
    select stints.*
    from {{ ref('fact_stints') }} as stints
    inner join {{ ref('dim_sessions') }} as sessions
        on stints.session_key = sessions.session_key
    where sessions.session_category in ('Race', 'Sprint') and stints.stint_laps > 0
),

listed as (
    select
        session_key,
        driver_number,
        max(meeting_key) as meeting_key,
        max(season) as season,
        max(driver_id) as driver_id,
        max(team_id) as team_id,
        max(team_name) as team_name,
        count(*) as stints,
        count(distinct compound) as compounds_used,
        {{ text_list('compound', '-', 'stint_number') }} as compounds,
        {{ text_list('cast(stint_laps as ' ~ dbt.type_string() ~ ')', '-', 'stint_number') }} as stint_lengths,
        min_by(compound, stint_number) as starting_compound,
        min_by(tyre_age_at_start, stint_number) as starting_tyre_age_laps,
        max(stint_laps) as longest_stint_laps
    from stints
    group by session_key, driver_number
),

stops as (
    select
        session_key,
        driver_number,
        count(*) as stops,
        count(case when is_red_flag_stop then 1 end) as red_flag_stops,
        sum(case when not is_red_flag_stop then {{ milliseconds('lane_duration_s') }} end) / 1000.0 as pit_lane_time_s,
        min(case when not is_red_flag_stop then lane_duration_s end) as fastest_pit_lane_time_s
    from {{ ref('fact_pit_stops') }}
    group by session_key, driver_number
)

select
    {{ surrogate_key(['listed.session_key', 'listed.driver_number']) | indent(4) }} as tyre_strategy_key,
    listed.session_key,
    listed.meeting_key,
    listed.season,
    sessions.session_category,
    listed.driver_number,
    listed.driver_id,
    listed.team_id,
    listed.team_name,
    cast(listed.stints as integer) as stints,
    listed.compounds,
    listed.stint_lengths,
    cast(listed.compounds_used as integer) as compounds_used,
    listed.starting_compound,
    listed.starting_tyre_age_laps,
    listed.longest_stint_laps,
    cast(coalesce(stops.stops, 0) as integer) as stops,
    cast(coalesce(stops.red_flag_stops, 0) as integer) as red_flag_stops,
    round(stops.pit_lane_time_s, 3) as pit_lane_time_s,
    stops.fastest_pit_lane_time_s
from listed
inner join {{ ref('dim_sessions') }} as sessions
    on listed.session_key = sessions.session_key
left join stops
    on listed.session_key = stops.session_key and listed.driver_number = stops.driver_number
