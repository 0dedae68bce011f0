{#- In the schema of silver: what lies in gold is published. -#}
{{ config(materialized='ephemeral') }}
{#-
What the source says of each person now: the row of the newest session that lists him. Rows without a team count only for
people who never drove for one, as in dim_drivers.

`pulled_at` is that of the newest pull that brought news of drivers, not of the row: when the newest session's list goes away,
an older one speaks again, and the history must not run backwards.

In a build as of a moment there is none, so that looking back does not enter the past into the history as news.
-#}
with news as (
    select max({{ utc('pulls.at') }}) as pulled_at
    from {{ source('bronze', '_pulls') }} as pulls
    where pulls.endpoint = 'drivers' and pulls.outcome <> 'failed' and pulls.truth_pull_id = pulls.pull_id
),

ranked as (
    select
        drivers.*,
        max(case when drivers.is_f1_driver then 1 else 0 end) over (partition by drivers.driver_id) as ever_f1,
        row_number() over (
            partition by drivers.driver_id
            order by
                case when drivers.is_f1_driver then 0 else 1 end,
                drivers.date_start desc nulls last,
                drivers.session_key desc,
                drivers.driver_number
        ) as newness
    from {{ ref('int_drivers') }} as drivers
)

select
    ranked.driver_id,
    ranked.driver_number,
    ranked.name_acronym,
    ranked.broadcast_name,
    ranked.full_name,
    ranked.team_id,
    ranked.team_name,
    ranked.country_code,
    ranked.headshot_url,
    news.pulled_at
from ranked
cross join news
where ranked.newness = 1 and (ranked.is_f1_driver or ranked.ever_f1 = 0){{ ' and 1 = 0' if var('as_of') }}
