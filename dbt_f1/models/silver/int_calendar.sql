{{ config(materialized='view') }}
{#-
Which meetings and sessions are cancelled, decided once from both endpoints: one row per session, and one per meeting
without a session. The two are pulled separately and may disagree.

A session is cancelled when its row or its meeting's row says so. A meeting is cancelled when its row says so, when all its
sessions are cancelled, or when its race is and no sprint takes its place: without a race it is no round. The calendar of
the loader (f1_lakehouse/sources/openf1/calendar.py) decides a session's state by the same rule.
-#}
with called as (
    select
        sessions.session_key,
        coalesce(sessions.meeting_key, meetings.meeting_key) as meeting_key,
        sessions.session_category,
        coalesce(meetings.is_cancelled, false) as is_meeting_called_off,
        case
            when sessions.session_key is not null
                then coalesce(sessions.is_cancelled, false) or coalesce(meetings.is_cancelled, false)
        end as is_session_cancelled
    from {{ ref('silver_sessions') }} as sessions
    full outer join {{ ref('silver_meetings') }} as meetings
        on sessions.meeting_key = meetings.meeting_key
)

select
    session_key,
    meeting_key,
    is_session_cancelled,
    is_meeting_called_off
    or min(case when is_session_cancelled then 1 else 0 end) over meeting_sessions = 1
    or (
        max(case when session_category = 'Race' and is_session_cancelled then 1 else 0 end) over meeting_sessions = 1
        and 0 = max(case when session_category in ('Race', 'Sprint') and not is_session_cancelled then 1 else 0 end)
            over meeting_sessions
    ) as is_meeting_cancelled
from called
window meeting_sessions as (partition by meeting_key)
