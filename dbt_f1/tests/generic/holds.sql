{# Rows for which the condition is false. A condition that is null holds: absent data is no contradiction. #}
{% test holds(model, expression) %}
select *
from {{ model }}
where not ({{ expression }})
{% endtest %}
