{#-
Changes in the source's data: one row per changed attribute of a session or a person, with the values before and after. Examples
are sessions that were moved, renamed or cancelled, and people with another number, team or spelling in the newest session.
Read from the snapshots, so it contains the changes since the first build of the lake.
-#}
{%- set watched = {
    'session': ('session_snapshot', 'session_key', {
        'session_name': 'session_name',
        'session_category': 'session_category',
        'location': 'location',
        'date_start': 'cast(date_start as ' ~ dbt.type_string() ~ ')',
        'date_end': 'cast(date_end as ' ~ dbt.type_string() ~ ')',
        'is_cancelled': "case when is_cancelled then 'true' else 'false' end"
    }),
    'driver': ('driver_snapshot', 'driver_id', {
        'driver_number': 'cast(driver_number as ' ~ dbt.type_string() ~ ')',
        'name_acronym': 'name_acronym',
        'full_name': 'full_name',
        'team_name': 'team_name'
    })
} -%}

with states as (
    {%- for entity, watch in watched.items() %}
    {%- for column, text in watch[2].items() %}
    select
        '{{ entity }}' as entity,
        cast({{ watch[1] }} as {{ dbt.type_string() }}) as entity_id,
        '{{ column }}' as attribute,
        {{ text }} as value,
        dbt_valid_from as changed_at,
        dbt_valid_to as ended_at
    from {{ ref(watch[0]) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

-- of states with the same start, the one that remained valid
lasting as (
    select
        *,
        row_number() over (
            partition by entity, entity_id, attribute, changed_at
            order by case when ended_at is null then 0 else 1 end, ended_at desc, value
        ) as choice
    from states
),

compared as (
    select
        *,
        lag(value) over history as previous_value,
        row_number() over history as state
    from lasting
    where choice = 1
    window history as (partition by entity, entity_id, attribute order by changed_at)
)

select
    {{ surrogate_key(['entity', 'entity_id', 'attribute', 'changed_at']) | indent(4) }} as source_change_key,
    entity,
    entity_id,
    attribute,
    previous_value,
    value,
    changed_at
from compared
where state > 1 and value is distinct from previous_value
