{#
How silver stays equal to the source, at the cost of what changed.

A scope is what one pull covers: a session, or a season for meetings and sessions. `_pulls` says for each scope which
pull holds the truth; the model's own rows say which pull it holds. Where the two differ the whole scope is replaced, so
corrections and deletions arrive, a scope that has become empty is emptied, and a run without news touches nothing.

The scopes are found before the model is compiled and go into it as literals: DuckDB hands them down to the Delta
reader, which then opens only the files of those pulls. They also stand in a comment, from which the incremental strategy
takes what to delete. Asking `_pulls` a second time there would be wrong: a pull that lands in between would be deleted
and not inserted.
#}

{#
The condition that picks the rows to read from bronze. In unit tests: `overrides: {macros: {is_truth: true}}`.

`key` is the key of a season's rows: one that the source lists in two seasons stays with the season that is not replaced.
#}
{% macro is_truth(endpoint, scope_column='session_key', key=none) -%}
    {#- The order matters: the ledger is opened before the table, as rows are written before the ledger names them. -#}
    {%- set pulls = source('bronze', '_pulls') -%}
    {%- set rows = source('bronze', endpoint) -%}
    {%- if execute -%}
        {%- set found = run_query(truth_query(endpoint, scope_column, pulls, this if is_incremental() else none)) -%}
        {%- set scopes, truths, seasons = [], [], [] -%}
        {%- for row in found.rows -%}
            {%- do scopes.append(row[0] | int) -%}
            {%- if row[1] is not none -%}
                {%- do truths.append("'" ~ row[1] ~ "'") -%}
                {%- do seasons.append(row[2] | int) -%}
            {%- endif -%}
        {%- endfor -%}
        /* replace_scopes {{ scope_column }}: [{{ scopes | join(', ') }}] */
        {%- if truths %}
        _season in ({{ seasons | unique | sort | join(', ') }})
        and _pull_id in ({{ truths | join(', ') }})
        {%- if key and is_incremental() %}
        and {{ key }} not in (select {{ key }} from {{ this }} where season not in ({{ scopes | join(', ') }}))
        {%- endif %}
        {%- else %}
        1 = 0
        {%- endif -%}
    {%- else -%}
        1 = 0
    {%- endif -%}
{%- endmacro %}


{# Scopes whose truth differs from what is held: (scope, pull with the truth or null when it has no rows, season). #}
{% macro truth_query(endpoint, scope_column, pulls, held) -%}
with asked as (
    select
        pulls.scope,
        pulls.season,
        pulls.truth_pull_id,
        row_number() over (partition by pulls.scope order by pulls.at desc, pulls.pull_id desc) as newness
    from {{ pulls }} as pulls
    where pulls.endpoint = '{{ endpoint }}' and pulls.outcome <> 'failed' {{ and_as_of('pulls.at') }}
),

truth as (
    select asked.scope, asked.season, asked.truth_pull_id as pull_id
    from asked
    inner join {{ pulls }} as pulls
        on pulls.endpoint = '{{ endpoint }}' and asked.truth_pull_id = pulls.pull_id
    where asked.newness = 1 and pulls.outcome <> 'failed' and pulls.rows > 0
)
{%- if held %},

held as (
    select distinct {{ scope_column }} as scope, pull_id from {{ held }}
),

changed as (
    (select scope, pull_id from truth except select scope, pull_id from held)
    union
    (select scope, pull_id from held except select scope, pull_id from truth)
)

select changed.scope, max(truth.pull_id) as pull_id, max(truth.season) as season
from changed
left join truth on changed.scope = truth.scope
group by changed.scope
order by changed.scope
{%- else %}

select scope, pull_id, season from truth order by scope
{%- endif %}
{%- endmacro %}


{# Bounds what counts when silver is asked for as of a moment. #}
{% macro and_as_of(column) -%}
    {%- if var('as_of') %}and {{ column }} <= {{ utc_literal(var('as_of')) }}{% endif -%}
{%- endmacro %}


{# dbt finds an incremental strategy by this name. #}
{% macro get_incremental_replace_scopes_sql(arg_dict) -%}
    {%- set marker = modules.re.search('replace_scopes (\\w+): \\[([0-9, ]*)\\]', model['compiled_code']) -%}
    {%- if not marker -%}
        {%- do exceptions.raise_compiler_error(model['name'] ~ ' uses replace_scopes without is_truth()') -%}
    {%- endif -%}
    {{ return(adapter.dispatch('replace_scopes_sql', 'f1')(
        arg_dict['target_relation'],
        arg_dict['temp_relation'],
        arg_dict['dest_columns'],
        marker.group(1),
        marker.group(2)
    )) }}
{%- endmacro %}


{# On an engine with transactions: delete and insert run in the one that the materialization has opened. #}
{% macro default__replace_scopes_sql(target_relation, source_relation, columns, scope_column, scopes) -%}
    {%- set names = get_quoted_csv(columns | map(attribute='name')) -%}
    {%- if scopes -%}
    delete from {{ target_relation }} where {{ scope_column }} in ({{ scopes }});

    insert into {{ target_relation }} ({{ names }})
    select {{ names }} from {{ source_relation }}
    {%- else -%}
    select 'nothing to replace' as outcome
    {%- endif -%}
{%- endmacro %}


{# On Delta through Spark one statement is one commit. #}
{% macro spark__replace_scopes_sql(target_relation, source_relation, columns, scope_column, scopes) -%}
    {%- if scopes -%}
    insert into {{ target_relation }} replace where {{ scope_column }} in ({{ scopes }})
    select {{ columns | map(attribute='quoted') | join(', ') }} from {{ source_relation }}
    {%- else -%}
    select 'nothing to replace' as outcome
    {%- endif -%}
{%- endmacro %}
