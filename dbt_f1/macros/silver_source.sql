{#
The rows of the current pulls of a bronze table, typed, one row per key: a complete silver model, or the first CTE of one.
Example:

    {{ silver_source(
        'weather',
        key=['session_key', 'date'],
        columns={
            'session_key': 'integer', 'date': 'timestamp', 'rainfall': 'integer', 'humidity': 'number', 'comment': 'text',
            'track_temperature': 'nullif(' ~ bounded_number('track_temperature') ~ ', 0)',
        },
        derived={'is_raining': 'rainfall > 0'}
    ) }}

`columns` maps each column to its type. `integer`, `number` and `timestamp` are null outside the bounds (bounds.sql), `text` and
`boolean` are as served. Any other value is an SQL expression over the row of bronze.

`derived` maps a column to an SQL expression over the row that is left after deduplication. It replaces the column of the same
name, or is added after all columns. What needs other rows or tables (a window, a join) is SQL around the call.

Every model also gets season, pull_id and pulled_at, and source_rows and source_variants from `deduplicate`, which explains
`key`, `nullable` and `prefer`. Rows without a key stay in bronze.

- `surrogate_key_name`: a first column of this name with the surrogate key over `key`, for keys with nullable columns.
- `keep_last_served`: of rows that differ the one served last is kept, unless `prefer` decides. Its position in the response is
  `served_order`, for use in `prefer` and `derived`.
- `partition_column`: the column that a pull covers; `season` for meetings and sessions.
#}
{% macro silver_source(
    endpoint, key, columns, derived={}, prefer=none, nullable=[], surrogate_key_name=none, keep_last_served=false,
    partition_column='session_key'
) -%}
{%- set typed_rows -%}
(
    select
        {%- for name, type in columns.items() %}
        {{ typed_column(name, type) }} as {{ name }},
        {%- endfor %}
        {%- if keep_last_served %}
        cast(_row_number as integer) as served_order,
        {%- endif %}
        _season as season,
        _pull_id as pull_id,
        {{ utc('_ingested_at') }} as pulled_at
    from {{ source('bronze', endpoint) }}
    where
        {{ is_current_pull(endpoint, partition_column, key[0] if partition_column == 'season' else none) }}
) as typed_rows
{%- endset -%}
select
    {%- if surrogate_key_name %}
    {{ surrogate_key(key) }} as {{ surrogate_key_name }},
    {%- endif %}
    {%- for name in columns %}
    {{ derived[name] ~ ' as ' if name in derived }}{{ name }},
    {%- endfor %}
    {%- for name, expression in derived.items() if name not in columns %}
    {{ expression }} as {{ name }},
    {%- endfor %}
    {{ silver_metadata() }}
from (
    {{ deduplicate(
        typed_rows,
        key=key,
        columns=columns.keys() | list + ['season'],
        prefer=prefer,
        served='served_order' if keep_last_served else none,
        nullable=nullable
    ) | indent(4) }}
) as deduplicated
{%- endmacro %}


{# The columns that every silver model has after its own. #}
{% macro silver_metadata(relation='') -%}
{%- set prefix = relation ~ '.' if relation else '' -%}
{%- for name in ['season', 'pull_id', 'pulled_at', 'source_rows', 'source_variants'] -%}
{{ prefix ~ name }}{{ ', ' if not loop.last }}
{%- endfor -%}
{%- endmacro %}


{% macro typed_column(name, type) -%}
{%- if type == 'integer' -%}{{ bounded_integer(name) }}
{%- elif type == 'number' -%}{{ bounded_number(name) }}
{%- elif type == 'timestamp' -%}{{ bounded_timestamp(name) }}
{%- elif type in ('text', 'boolean') -%}{{ name }}
{%- else -%}{{ type }}
{%- endif -%}
{%- endmacro %}
