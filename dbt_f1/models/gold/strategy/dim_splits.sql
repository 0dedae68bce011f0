{#-
Which races train, validate and test a model, by the date of the race: one row per scheme and split, from the seed split_schemes.
-#}
select
    {{ surrogate_key(['scheme', 'split']) | indent(4) }} as dim_split_key,
    scheme,
    split,
    date_from,
    date_to
from {{ ref('split_schemes') }}
