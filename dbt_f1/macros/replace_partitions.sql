{#
How silver stays equal to the source while a build reads only what changed.

A partition is what one pull covers: a session, or a season for meetings and sessions (column `scope` of `_pulls`). `_pulls`
says which pull of a partition is current; the rows of the model say which pull they come from. Where the two differ, the
complete partition is replaced: corrections and deletions arrive, a partition that has become empty is emptied, and a build
without new pulls writes nothing.

The partitions are found before the model is compiled and stand in it as literals: DuckDB pushes them down to the Delta
reader, which then opens only the files of those pulls. They also stand in a comment, from which the incremental strategy
takes what to delete. A second query of `_pulls` at that point would be wrong: the rows of a pull that lands in between would
be deleted and not inserted.
#}

{#
The condition that selects the rows to read from bronze: those of the current pulls of the partitions that changed. In unit
tests: `overrides: {macros: {is_current_pull: "true"}}`.

`key` is the key of a season's rows: one that the source lists in two seasons stays with the season that is not replaced.
#}
{% macro is_current_pull(endpoint, partition_column='session_key', key=none) -%}
    {#- The order matters: `_pulls` is opened before the table, as rows are written before `_pulls` names them. -#}
    {%- set pulls = source('bronze', '_pulls') -%}
    {%- set rows = source('bronze', endpoint) -%}
    {%- if execute -%}
        {%- set found = run_query(changed_pulls_query(endpoint, partition_column, pulls, this if is_incremental() else none)) -%}
        {%- set partitions, pull_ids, seasons = [], [], [] -%}
        {%- for row in found.rows -%}
            {%- do partitions.append(row[0] | int) -%}
            {%- if row[1] is not none -%}
                {%- do pull_ids.append("'" ~ row[1] ~ "'") -%}
                {%- do seasons.append(row[2] | int) -%}
            {%- endif -%}
        {%- endfor -%}
        /* replace_partitions {{ partition_column }}: [{{ partitions | join(', ') }}] */
        {%- if pull_ids %}
        _season in ({{ seasons | unique | sort | join(', ') }})
        and {{ among('_pull_id', pull_ids) }}
        {%- if key and is_incremental() %}
        and {{ key }} not in (select {{ key }} from {{ this }} where season not in ({{ partitions | join(', ') }}))
        {%- endif %}
        {%- else %}
        1 = 0
        {%- endif -%}
    {%- else -%}
        1 = 0
    {%- endif -%}
{%- endmacro %}


{# Partitions whose current pull is not the one in the model: (partition, current pull or null when it has no rows, season). #}
{% macro changed_pulls_query(endpoint, partition_column, pulls, model) -%}
with completed as (
    select
        pulls.scope,
        pulls.season,
        pulls.truth_pull_id,
        row_number() over (partition by pulls.scope order by pulls.at desc, pulls.pull_id desc) as recency
    from {{ pulls }} as pulls
    where pulls.endpoint = '{{ endpoint }}' and pulls.outcome <> 'failed' {{ and_before_as_of('pulls.at') }}
),

current_pulls as (
    select completed.scope, completed.season, completed.truth_pull_id as pull_id
    from completed
    inner join {{ pulls }} as pulls
        on pulls.endpoint = '{{ endpoint }}' and completed.truth_pull_id = pulls.pull_id
    where completed.recency = 1 and pulls.outcome <> 'failed' and pulls.rows > 0
)
{%- if model %},

built as (
    select distinct {{ partition_column }} as scope, pull_id from {{ model }}
),

changed as (
    (select scope, pull_id from current_pulls except select scope, pull_id from built)
    union
    (select scope, pull_id from built except select scope, pull_id from current_pulls)
)

select changed.scope, max(current_pulls.pull_id) as pull_id, max(current_pulls.season) as season
from changed
left join current_pulls on changed.scope = current_pulls.scope
group by changed.scope
order by changed.scope
{%- else %}

select scope, pull_id, season from current_pulls order by scope
{%- endif %}
{%- endmacro %}


{#
As-of build: only pulls at or before this UTC timestamp count. Empty: all pulls. An environment variable and not a dbt variable:
dbt parses all of the project again (11 s) when a variable has another value.
#}
{% macro as_of() -%}{{ env_var('DBT_F1_AS_OF', '') }}{%- endmacro %}


{# Leaves out what is later than the time of an as-of build. #}
{% macro and_before_as_of(column) -%}
    {%- if as_of() %}and {{ column }} <= {{ utc_literal(as_of()) }}{% endif -%}
{%- endmacro %}


{# dbt finds an incremental strategy by this name. #}
{% macro get_incremental_replace_partitions_sql(arg_dict) -%}
    {%- set marker = modules.re.search('replace_partitions (\\w+): \\[([0-9, ]*)\\]', model['compiled_code']) -%}
    {%- if not marker -%}
        {%- do exceptions.raise_compiler_error(model['name'] ~ ' uses replace_partitions without is_current_pull()') -%}
    {%- endif -%}
    {{ return(adapter.dispatch('replace_partitions_sql', 'f1')(
        arg_dict['target_relation'],
        arg_dict['temp_relation'],
        arg_dict['dest_columns'],
        marker.group(1),
        marker.group(2)
    )) }}
{%- endmacro %}


{# On an engine with transactions: delete and insert run in the one that the materialization has opened. #}
{% macro default__replace_partitions_sql(target_relation, source_relation, columns, partition_column, partitions) -%}
    {%- set names = get_quoted_csv(columns | map(attribute='name')) -%}
    {%- if partitions -%}
    delete from {{ target_relation }} where {{ partition_column }} in ({{ partitions }});

    insert into {{ target_relation }} ({{ names }})
    select {{ names }} from {{ source_relation }}
    {%- else -%}
    select 'nothing to replace' as outcome
    {%- endif -%}
{%- endmacro %}


{# On Delta through Spark one statement is one commit. #}
{% macro spark__replace_partitions_sql(target_relation, source_relation, columns, partition_column, partitions) -%}
    {%- if partitions -%}
    insert into {{ target_relation }} replace where {{ partition_column }} in ({{ partitions }})
    select {{ columns | map(attribute='quoted') | join(', ') }} from {{ source_relation }}
    {%- else -%}
    select 'nothing to replace' as outcome
    {%- endif -%}
{%- endmacro %}
