{#- In schema silver, because every table in schema gold is published. -#}
{{ config(materialized='ephemeral') }}
{#-
The current state of each driver in the source: the row of the newest session that lists the driver. Rows without a team count
only for drivers who never had a team, as in dim_drivers.

`pulled_at` is the time of the newest pull that changed any list of drivers, not of this row: when the list of the newest session
disappears, an older list becomes current, and times in the history must not decrease.

Empty in an as-of build, so that old states are not added to the history as new ones.
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
where ranked.newness = 1 and (ranked.is_f1_driver or ranked.ever_f1 = 0){{ ' and 1 = 0' if as_of() }}
