{#-
One row per message of race control that deletes a lap or reinstates one, with the lap that it is about. Not published.

The lap that the row carries is the leader's when the message was sent, up to 13 laps late; it is not used. A message that
quotes a time is about the driver's lap with that time, of several the one nearest to the quoted lap, else the one at the
quoted clock, else the last one before the message; a lap without a time can be found by the clock or the quoted lap too, as
for a message without a time. The quoted lap is the source's in races and sprints (706 of 711 recorded messages) and one more
than the source's in practice and qualifying (14 of 14).
-#}
with changed as (
    {{ changed_sessions([
        '(select session_key, pull_id from ' ~ ref('silver_race_control') ~ ' where '
        ~ is_about_a_deleted_lap('message') ~ ') as messages',
        ref('silver_laps'),
        '(select session_key, session_category || coalesce(gmt_offset, \'\') as pull_id from '
        ~ ref('silver_sessions') ~ ') as categories'
    ]) }}
),

laps as (
    select
        session_key,
        driver_number,
        lap_number,
        date_start,
        lap_duration,
        cast(round(lap_duration * 1000) as bigint) as duration_ms
    from {{ ref('silver_laps') }}
    where session_key in (select session_key from changed)
),

messages as (
    select
        messages.race_control_key,
        messages.session_key,
        changed.built_from,
        messages.driver_number,
        messages.date,
        messages.served_order,
        messages.message like '%REINSTATED%' as is_reinstatement,
        {{ deletion_reason('messages.message') }} as deletion_reason,
        {{ quoted_time_ms('messages.message') | indent(8) }} as quoted_ms,
        {{ quoted_lap('messages.message') }}
        - case when sessions.session_category in ('Race', 'Sprint') then 0 else 1 end as quoted_lap_number,
        mod(
            extract(hour from messages.date) * 3600 + extract(minute from messages.date) * 60
            + cast(floor(extract(second from messages.date)) as integer)
            - {{ quoted_clock_s('messages.message') | indent(12) }}
            + {{ offset_s('sessions.gmt_offset') | indent(12) }} + 2 * 86400,
            86400
        ) as clock_age_s
    from {{ ref('silver_race_control') }} as messages
    inner join changed on messages.session_key = changed.session_key
    left join {{ ref('silver_sessions') }} as sessions on messages.session_key = sessions.session_key
    where {{ is_about_a_deleted_lap('messages.message') }}
),

by_time as (
    select race_control_key, lap_number
    from (
        select
            messages.race_control_key,
            laps.lap_number,
            row_number() over (
                partition by messages.race_control_key
                order by
                    abs(laps.lap_number - messages.quoted_lap_number),
                    case
                        when
                            {{ add_seconds('messages.date', '-messages.clock_age_s') }}
                            between laps.date_start and {{ add_seconds('laps.date_start', 'laps.lap_duration + 1') }}
                            then 0
                        else 1
                    end,
                    case when laps.date_start <= messages.date then 0 else 1 end,
                    laps.lap_number desc
            ) as choice
        from messages
        inner join laps
            on
                messages.session_key = laps.session_key
                and messages.driver_number = laps.driver_number
                and messages.quoted_ms = laps.duration_ms
    ) as candidates
    where choice = 1
),

-- the last lap that began before the clock; a lap with a time must not have ended before it
by_clock as (
    select race_control_key, lap_number, lap_duration
    from (
        select
            messages.race_control_key,
            laps.lap_number,
            laps.lap_duration,
            {{ add_seconds('messages.date', '-messages.clock_age_s') }} as clock_at,
            laps.date_start,
            row_number() over (partition by messages.race_control_key order by laps.date_start desc) as choice
        from messages
        inner join laps
            on
                messages.session_key = laps.session_key
                and messages.driver_number = laps.driver_number
                and laps.date_start <= {{ add_seconds('messages.date', '-messages.clock_age_s') }}
        where messages.clock_age_s < 3600
    ) as candidates
    where choice = 1 and (lap_duration is null or clock_at <= {{ add_seconds('date_start', 'lap_duration + 1') }})
),

timed_sessions as (
    select distinct session_key from laps
)

select
    messages.race_control_key,
    messages.session_key,
    messages.driver_number,
    messages.date,
    messages.served_order,
    messages.is_reinstatement,
    messages.deletion_reason,
    cast(
        case
            when messages.quoted_ms is null then coalesce(by_clock.lap_number, by_quoted_lap.lap_number)
            else coalesce(
                by_time.lap_number,
                case when by_clock.lap_duration is null then by_clock.lap_number end,
                case when by_quoted_lap.lap_duration is null then by_quoted_lap.lap_number end
            )
        end
        as integer
    ) as lap_number,
    timed_sessions.session_key is not null as has_laps,
    messages.built_from
from messages
left join by_time on messages.race_control_key = by_time.race_control_key
left join by_clock on messages.race_control_key = by_clock.race_control_key
left join laps as by_quoted_lap
    on
        messages.session_key = by_quoted_lap.session_key
        and messages.driver_number = by_quoted_lap.driver_number
        and messages.quoted_lap_number = by_quoted_lap.lap_number
left join timed_sessions on messages.session_key = timed_sessions.session_key
