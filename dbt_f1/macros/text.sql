{# Text helpers; portable, so not dispatched. #}

{# Lower case, accents folded, everything that is no letter or digit a single hyphen: a stable, URL-safe name; null when
nothing is left. #}
{% macro slug(text) -%}
nullif(trim(both '-' from {{ replace_all(
    "translate(lower(" ~ text ~ "), 'àáâãäåāçćčèéêëēěìíîïīñńňòóôõöøōřšśșțùúûüūůýÿžźżğ', 'aaaaaaaccceeeeeeiiiiinnnooooooorsssttuuuuuuyyzzzg')",
    '[^a-z0-9]+', '-'
) }}), '')
{%- endmacro %}

{# Text that is null when it is empty or blank. #}
{% macro blank_to_null(text) -%}nullif(trim(both ' ' from {{ text }}), ''){%- endmacro %}

{# A surrogate key: md5 over the grain. The separator and the mark for null keep (1, null) apart from (null, 1). #}
{% macro surrogate_key(columns) -%}
md5(
    {%- for column in columns %}
    coalesce(cast({{ column }} as {{ dbt.type_string() }}), '~'){{ " || '|' ||" if not loop.last }}
    {%- endfor %}
)
{%- endmacro %}

{# Text, or Unknown when it is null, empty or blank. #}
{% macro text_or_unknown(text) -%}coalesce({{ blank_to_null(text) }}, 'Unknown'){%- endmacro %}

{# Whether a text, apart from its case, has more than one value within the rows of the window; null counts as no value. #}
{% macro differs_within(text, window) -%}
coalesce(min(lower({{ text }})) over {{ window }} <> max(lower({{ text }})) over {{ window }}, false)
{%- endmacro %}
