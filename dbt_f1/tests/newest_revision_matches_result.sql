-- The newest revision of each driver equals the result; removed drivers have no result.
{{ config(meta={'dagster': {'ref': {'name': 'result_revisions'}}}) }}
select
    coalesce(revisions.session_key, results.session_key) as session_key,
    coalesce(revisions.driver_number, results.driver_number) as driver_number,
    revisions.position,
    results.position as position_in_result
from (
    select * from {{ ref('result_revisions') }} where is_current and change <> 'Removed'
) as revisions
full outer join {{ ref('fact_results') }} as results
    on revisions.session_key = results.session_key and revisions.driver_number = results.driver_number
where
    revisions.session_key is null
    or results.session_key is null
    or revisions.position is distinct from results.position
    or revisions.status is distinct from results.status
    or revisions.points is distinct from results.points
