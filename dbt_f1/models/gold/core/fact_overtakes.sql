{#-
One row per overtake, from the perspective of the car that gained the position: driver and team belong to that car, columns
`overtaken_…` to the other one. The source counts every change of position, also those caused by a car in the pit lane.
-#}
with lap_starts as (
    -- the later one of two laps with the same start: an as-of join requires a unique time
    select
        session_key,
        driver_number,
        lap_start_at,
        max(lap_number) as lap_number
    from {{ ref('fact_laps') }}
    where lap_start_at is not null
    group by session_key, driver_number, lap_start_at
),

overtakes as (
    select
        *,
        overtaking_driver_number as driver_number
    from {{ ref('silver_overtakes') }}
),

with_lap as (
    {{ asof_join(
        'overtakes', 'lap_starts', ['session_key', 'driver_number'], 'date', 'lap_start_at', {'lap_number': 'known_lap'}
    ) | indent(4) }}
),

overtaken as (
    select
        session_key,
        date,
        driver_number as gaining_driver_number,
        overtaken_driver_number as driver_number
    from with_lap
),

with_overtaken_lap as (
    {{ asof_join(
        'overtaken', 'lap_starts', ['session_key', 'driver_number'], 'date', 'lap_start_at', {'lap_number': 'known_lap'}
    ) | indent(4) }}
)

select
    {{ surrogate_key(
        ['gains.session_key', 'gains.date', 'gains.driver_number', 'gains.overtaken_driver_number']
    ) | indent(4) }} as overtake_key,
    gains.session_key,
    gains.meeting_key,
    gains.season,
    gains.date,
    gains.driver_number,
    {{ driver_columns() }},
    gains.overtaken_driver_number,
    overtaken_drivers.driver_id as overtaken_driver_id,
    overtaken_drivers.name_acronym as overtaken_name_acronym,
    overtaken_drivers.full_name as overtaken_full_name,
    coalesce(overtaken_drivers.team_id, 'unknown-team') as overtaken_team_id,
    coalesce(overtaken_drivers.constructor_id, 'unknown-team') as overtaken_constructor_id,
    coalesce(overtaken_drivers.team_name, 'Unknown Team') as overtaken_team_name,
    gains.position,
    -- the first lap of a race often has no start: overtakes before the first known start are on lap 1
    cast(coalesce(gains.known_lap, 1) as integer) as lap_number,
    coalesce(losing_laps.is_pit_in_lap or losing_laps.is_pit_out_lap, false) as is_pit_related,
    gaining_laps.track_status,
    gains.pulled_at
from with_lap as gains
left join with_overtaken_lap as losses
    on
        gains.session_key = losses.session_key
        and gains.date = losses.date
        and gains.driver_number = losses.gaining_driver_number
        and gains.overtaken_driver_number = losses.driver_number
left join {{ ref('fact_laps') }} as gaining_laps
    on
        gains.session_key = gaining_laps.session_key
        and gains.driver_number = gaining_laps.driver_number
        and coalesce(gains.known_lap, 1) = gaining_laps.lap_number
left join {{ ref('fact_laps') }} as losing_laps
    on
        losses.session_key = losing_laps.session_key
        and losses.driver_number = losing_laps.driver_number
        and coalesce(losses.known_lap, 1) = losing_laps.lap_number
left join {{ ref('int_session_drivers') }} as drivers
    on gains.session_key = drivers.session_key and gains.driver_number = drivers.driver_number
left join {{ ref('silver_meetings') }} as meetings
    on gains.meeting_key = meetings.meeting_key
left join {{ ref('int_session_drivers') }} as overtaken_drivers
    on
        gains.session_key = overtaken_drivers.session_key
        and gains.overtaken_driver_number = overtaken_drivers.driver_number
