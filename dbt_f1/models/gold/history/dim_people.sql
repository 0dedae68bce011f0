{#-
One row per driver of any season. `driver_id` is the slug of the name, with seed driver_aliases, as OpenF1's drivers have it: codes and
numbers are missing or used twice, names are not. Of namesakes the one born first has the plain slug.
-#}
with appearances as (
    select driver_id as jolpica_driver_id, min(season) as first_season, max(season) as last_season
    from (
        select driver_id, season from {{ ref('silver_jolpica_race_results') }}
        union all
        select driver_id, season from {{ ref('silver_jolpica_sprint_results') }}
        union all
        select driver_id, season from {{ ref('silver_jolpica_qualifying') }}
    ) as appeared
    group by driver_id
),

jolpica as (
    select
        coalesce(drivers.driver_id, appearances.jolpica_driver_id) as jolpica_driver_id,
        drivers.given_name,
        drivers.family_name,
        drivers.date_of_birth,
        drivers.nationality,
        drivers.code,
        drivers.permanent_number,
        appearances.first_season,
        appearances.last_season,
        coalesce(
            {{ slug("concat_ws(' ', drivers.given_name, drivers.family_name)") | indent(12) }},
            {{ slug('coalesce(drivers.driver_id, appearances.jolpica_driver_id)') | indent(12) }},
            coalesce(drivers.driver_id, appearances.jolpica_driver_id)
        ) as name_slug
    from {{ ref('silver_jolpica_drivers') }} as drivers
    full outer join appearances
        on drivers.driver_id = appearances.jolpica_driver_id
),

identified as (
    select
        jolpica.*,
        coalesce(aliases.driver_id, jolpica.name_slug) as wanted_id,
        row_number() over (
            partition by coalesce(aliases.driver_id, jolpica.name_slug)
            order by jolpica.date_of_birth nulls last, jolpica.jolpica_driver_id
        ) as namesake
    from jolpica
    left join {{ ref('driver_aliases') }} as aliases
        on jolpica.name_slug = aliases.name_slug
),

of_jolpica as (
    select
        *,
        case
            when namesake = 1 then wanted_id else wanted_id || '--' || jolpica_driver_id
        end as driver_id
    from identified
),

seasons as (
    select driver_id, min(season) as first_season, max(season) as last_season
    from {{ ref('int_drivers') }}
    group by driver_id
),

of_openf1 as (
    select
        drivers.driver_id,
        -- the names of a support driver may be those of the Formula 1 driver with the same number
        case
            when {{ slug("concat_ws(' ', drivers.first_name, drivers.last_name)") }} = drivers.driver_id
                then drivers.first_name
        end as first_name,
        case
            when {{ slug("concat_ws(' ', drivers.first_name, drivers.last_name)") }} = drivers.driver_id
                then drivers.last_name
        end as last_name,
        drivers.full_name,
        drivers.name_acronym,
        seasons.first_season,
        seasons.last_season
    from {{ ref('dim_drivers') }} as drivers
    left join seasons
        on drivers.driver_id = seasons.driver_id
    where drivers.is_current
),

joined as (
    select
        coalesce(of_jolpica.driver_id, of_openf1.driver_id) as driver_id,
        of_jolpica.jolpica_driver_id,
        coalesce(of_jolpica.given_name, of_openf1.first_name) as given_name,
        coalesce(of_jolpica.family_name, of_openf1.last_name) as family_name,
        of_openf1.full_name,
        of_jolpica.date_of_birth as birth_date,
        of_jolpica.nationality,
        coalesce(of_jolpica.code, of_openf1.name_acronym) as code,
        of_jolpica.permanent_number,
        least(
            coalesce(of_jolpica.first_season, of_openf1.first_season),
            coalesce(of_openf1.first_season, of_jolpica.first_season)
        ) as first_season,
        greatest(
            coalesce(of_jolpica.last_season, of_openf1.last_season),
            coalesce(of_openf1.last_season, of_jolpica.last_season)
        ) as last_season
    from of_jolpica
    full outer join of_openf1
        on of_jolpica.driver_id = of_openf1.driver_id
)

select
    {{ surrogate_key(['driver_id']) | indent(4) }} as person_key,
    driver_id,
    jolpica_driver_id,
    coalesce({{ blank_to_null("concat_ws(' ', given_name, family_name)") }}, full_name, driver_id) as full_name,
    given_name,
    family_name,
    birth_date,
    nationality,
    code,
    permanent_number,
    first_season,
    last_season
from joined
