{#-
One row per driver of a session: who drove which car for whom on that day. `driver_id` is the person; a number is not, it
passes from one to the next. Rows without a number name nobody and stay in bronze. Of conflicting rows the one that names
a team is kept, of several such rows the one served last: it is the newest.

The source has mixed the list of a support series into that of a session (Practice 1, Budapest 2023): there full and broadcast
name are those of the support driver, while first and last name, team and portrait are those of the Formula 1 driver with the
same number. `has_name_conflict` marks rows whose names differ. In a list that also has drivers without a team such a row is no
Formula 1 driver; `named_driver_id` is the person that first and last name mean. What follows from other sessions is decided
in int_drivers.
-#}
{%- set rows_of_a_car = '(partition by session_key, driver_number)' -%}
with known as (
    {{ silver_source(
        'drivers',
        key=['session_key', 'driver_number'],
        columns={
            'session_key': 'integer', 'meeting_key': 'integer', 'driver_number': 'integer',
            'broadcast_name': blank_to_null('broadcast_name'),
            'full_name': blank_to_null('full_name'),
            'first_name': blank_to_null('first_name'),
            'last_name': blank_to_null('last_name'),
            'name_acronym': blank_to_null('name_acronym'),
            'team_name': blank_to_null('team_name'),
            'team_colour': 'upper(' ~ blank_to_null('team_colour') ~ ')',
            'headshot_url': 'text', 'country_code': 'text',
            'has_conflicting_rows': differs_within(blank_to_null('full_name'), rows_of_a_car)
                ~ ' or ' ~ differs_within(blank_to_null('team_name'), rows_of_a_car),
        },
        derived={
            'known_name': 'coalesce(full_name, ' ~ blank_to_null("concat_ws(' ', first_name, last_name)") ~ ')',
        },
        prefer='case when team_name is null then 1 else 0 end',
        keep_last_served=true
    ) | indent(4) }}
),

named as (
    select
        *,
        {{ slug('coalesce(known_name, broadcast_name)') }} as name_slug,
        {{ slug("first_name || ' ' || last_name") }} as first_last_slug,
        {{ slug("last_name || ' ' || first_name") }} as last_first_slug,
        regexp_extract({{ slug('broadcast_name') }}, '([^-]+)$', 1) as broadcast_word,
        min(case when team_name is null then 0 else 1 end) over (partition by session_key) = 0 as lists_support_series
    from known
),

identified as (
    select
        named.*,
        coalesce(
            aliases.driver_id, named.name_slug, 'unknown-' || cast(named.driver_number as {{ dbt.type_string() }})
        ) as driver_id,
        coalesce(first_last_aliases.driver_id, named.first_last_slug) as named_driver_id,
        coalesce(
            coalesce(first_last_aliases.driver_id, named.first_last_slug) <> coalesce(aliases.driver_id, named.name_slug)
            and coalesce(last_first_aliases.driver_id, named.last_first_slug)
            <> coalesce(aliases.driver_id, named.name_slug),
            false
        ) as is_other_person
    from named
    left join {{ ref('driver_aliases') }} as aliases
        on named.name_slug = aliases.name_slug
    left join {{ ref('driver_aliases') }} as first_last_aliases
        on named.first_last_slug = first_last_aliases.name_slug
    left join {{ ref('driver_aliases') }} as last_first_aliases
        on named.last_first_slug = last_first_aliases.name_slug
)

select
    named.session_key,
    named.meeting_key,
    named.driver_number,
    named.driver_id,
    named.named_driver_id,
    named.is_other_person
    or coalesce('-' || named.name_slug || '-' not like '%-' || named.broadcast_word || '-%', false) as has_name_conflict,
    named.has_conflicting_rows,
    coalesce(named.broadcast_name, named.known_name, 'Unknown Driver') as broadcast_name,
    coalesce(named.known_name, named.broadcast_name, 'Unknown Driver') as full_name,
    named.first_name,
    named.last_name,
    named.name_acronym,
    coalesce(named.team_name, 'Unknown Team') as team_name,
    coalesce(team_lineage.team_id, {{ slug('named.team_name') }}, 'unknown-team') as team_id,
    coalesce(
        team_lineage.constructor_id, replace({{ slug('named.team_name') }}, '-', '_'), 'unknown-team'
    ) as constructor_id,
    coalesce(team_lineage.team_category, 'Unknown') as team_category,
    team_lineage.team_id is not null as is_known_team,
    named.team_colour,
    named.team_name is not null and not (named.lists_support_series and named.is_other_person) as is_f1_driver,
    named.lists_support_series,
    named.headshot_url,
    named.country_code,
    {{ silver_metadata('named') }}
from identified as named
left join {{ ref('team_lineage') }} as team_lineage
    on
        lower(named.team_name) = lower(team_lineage.team_name)
        and named.season between team_lineage.first_season and team_lineage.last_season
