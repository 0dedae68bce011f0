-- No race belongs to two splits of one scheme.
select
    earlier.scheme,
    earlier.split,
    later.split as other_split
from {{ ref('dim_splits') }} as earlier
inner join {{ ref('dim_splits') }} as later
    on
        earlier.scheme = later.scheme
        and earlier.split <> later.split
        and earlier.date_from <= later.date_from
        and earlier.date_to > later.date_from
