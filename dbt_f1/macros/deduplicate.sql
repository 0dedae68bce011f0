{#
One row per key. Rows whose key is null are left out, except for key columns in `nullable`.

Exact duplicates collapse. Of rows that share a key and differ, the one is kept that comes first by `prefer` (the
model's own rule), then the one with the fewest nulls, then the one with the greatest values, column by column: the same
row whatever order the source serves. Two columns count the rows: `source_rows` (rows of the pull with this key) and
`source_variants` (how many of them differ; 1 means no conflict).

`pull_id` and `pulled_at` are carried and are the same for all rows of a partition.

With `served`, the name of a column of the relation that holds `_row_number`, the row served last is the newest: of rows
that differ it is kept, unless `prefer` decides. The column is carried; it is null where bronze has no row numbers, and then
the other rules decide. To use it: `_row_number as served_order` in the relation, `served='served_order'` here (and not in
`columns`), as silver_source does.
#}
{% macro deduplicate(relation, key, columns, prefer=none, served=none, nullable=[]) -%}
{%- set all_columns = columns + ['pull_id', 'pulled_at'] -%}
{%- set others = columns | reject('in', key) | list -%}
select
    {%- for column in all_columns %}
    {{ column }},
    {%- endfor %}
    {%- if served %}
    {{ served }},
    {%- endif %}
    source_rows,
    source_variants
from (
    select
        {%- for column in all_columns %}
        {{ column }},
        {%- endfor %}
        {%- if served %}
        {{ served }},
        {%- endif %}
        cast(sum(copies) over (partition by {{ key | join(', ') }}) as integer) as source_rows,
        cast(count(*) over (partition by {{ key | join(', ') }}) as integer) as source_variants,
        row_number() over (
            partition by {{ key | join(', ') }}
            order by
                {%- if prefer %}
                {{ prefer }},
                {%- endif %}
                {%- if served %}
                {{ served }} desc nulls last,
                {%- endif %}
                {%- for column in others %}
                case when {{ column }} is null then 1 else 0 end{{ ' +' if not loop.last else ',' }}
                {%- endfor %}
                {%- for column in others %}
                {{ column }} desc nulls last{{ ',' if not loop.last }}
                {%- else %}
                {{ key | join(', ') }}
                {%- endfor %}
        ) as choice
    from (
        select
            {%- for column in all_columns %}
            {{ column }},
            {%- endfor %}
            {%- if served %}
            max({{ served }}) as {{ served }},
            {%- endif %}
            count(*) as copies
        from {{ relation }}
        where
            {%- for column in key | reject('in', nullable) %}
            {{ column }} is not null{{ ' and' if not loop.last }}
            {%- endfor %}
        group by
            {%- for column in all_columns %}
            {{ column }}{{ ',' if not loop.last }}
            {%- endfor %}
    ) as distinct_rows
) as ranked
where choice = 1
{%- endmacro %}
