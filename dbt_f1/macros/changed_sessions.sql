{#
The sessions that an incremental model must rebuild, as the body of a CTE (session_key, built_from), and in the comment from
which the strategy `replace_partitions` takes what to delete.

`built_from` identifies the pulls that a session's rows are made from. Silver has the current ones, the model's own rows have
those of the last build; where the two differ the session is replaced, and a session that silver no longer has is deleted.
Silver is compared and not `_pulls`: a pull that lands after silver was built must not be recorded as built in.

`inputs` are relations of silver with session_key and pull_id; the rows come from the first one. In unit tests:
`overrides: {macros: {changed_sessions: "select 1 as session_key, 'x' as built_from"}}`.
#}
{% macro changed_sessions(inputs) -%}
    {%- set columns = [] -%}
    {%- for input in inputs -%}{%- do columns.append('pull_' ~ loop.index) -%}{%- endfor -%}
    {%- set query -%}
with expected as (
    select session_key, {{ surrogate_key(columns) }} as built_from
    from (
        select
            session_key,
            {%- for column in columns %}
            max(case when input = {{ loop.index }} then pull_id end) as {{ column }}{{ ',' if not loop.last }}
            {%- endfor %}
        from (
            {%- for input in inputs %}
            select {{ loop.index }} as input, session_key, pull_id from {{ input }} group by session_key, pull_id
            {{ 'union all' if not loop.last }}
            {%- endfor %}
        ) as pulls
        group by session_key
    ) as pulls_of_session
    where pull_1 is not null
)
{%- if is_incremental() %},

built as (
    select session_key, built_from from {{ this }} group by session_key, built_from
),

changed as (
    (select session_key, built_from from expected except select session_key, built_from from built)
    union
    (select session_key, built_from from built except select session_key, built_from from expected)
)

select changed.session_key, max(expected.built_from) as built_from
from changed
left join expected on changed.session_key = expected.session_key
group by changed.session_key
order by changed.session_key
{%- else %}

select session_key, built_from from expected order by session_key
{%- endif %}
    {%- endset -%}
    {%- set sessions, rows = [], [] -%}
    {%- if execute -%}
        {%- for row in run_query(query).rows -%}
            {%- do sessions.append(row[0] | int) -%}
            {%- if row[1] is not none -%}
                {%- do rows.append('(' ~ (row[0] | int) ~ ", '" ~ row[1] ~ "')") -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    /* replace_partitions session_key: [{{ sessions | join(', ') }}] */
    select session_key, built_from
    from (values {{ rows | join(', ') if rows else "(0, '')" }}) as changed (session_key, built_from)
    {{- '' if rows else ' where 1 = 0' }}
{%- endmacro %}


{#
The same for the lap times of Jolpica, by round: the rounds whose current pull is not the one that fact_lap_times was built from,
and those with a driver whose driver_id has changed since.
#}
{% macro changed_rounds() -%}
    {%- set query -%}
with expected as (
    select round_key, max(pull_id) as built_from from {{ ref('silver_jolpica_laps') }} group by round_key
)
{%- if is_incremental() %},

built as (
    select round_key, built_from from {{ this }} group by round_key, built_from
),

changed as (
    (select round_key, built_from from expected except select round_key, built_from from built)
    union
    (select round_key, built_from from built except select round_key, built_from from expected)
    union
    select laps.round_key, laps.built_from
    from {{ this }} as laps
    inner join {{ ref('dim_people') }} as people
        on laps.jolpica_driver_id = people.jolpica_driver_id
    where laps.driver_id <> people.driver_id
)

select changed.round_key, max(expected.built_from) as built_from
from changed
left join expected on changed.round_key = expected.round_key
group by changed.round_key
order by changed.round_key
{%- else %}

select round_key, built_from from expected order by round_key
{%- endif %}
    {%- endset -%}
    {%- set rounds, rows = [], [] -%}
    {%- if execute -%}
        {%- for row in run_query(query).rows -%}
            {%- do rounds.append(row[0] | int) -%}
            {%- if row[1] is not none -%}
                {%- do rows.append('(' ~ (row[0] | int) ~ ", '" ~ row[1] ~ "')") -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    /* replace_partitions round_key: [{{ rounds | join(', ') }}] */
    select round_key, built_from
    from (values {{ rows | join(', ') if rows else "(0, '')" }}) as changed (round_key, built_from)
    {{- '' if rows else ' where 1 = 0' }}
{%- endmacro %}
