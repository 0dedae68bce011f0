{# Rows for which the expression is false. Unlike the test of this name in dbt_utils it passes where the expression is null:
missing values are not a contradiction. #}
{% test expression_is_true(model, expression) %}
select *
from {{ model }}
where not ({{ expression }})
{% endtest %}
