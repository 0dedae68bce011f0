{# How the scores of driver_profiles are estimated from the rows of int_driver_observations. #}

{# The scores, in the order of the columns. #}
{% macro profile_scores() -%}
{{ return(['pass_conversion', 'first_lap_gain', 'consistency', 'tyre_management', 'pressure_response']) }}
{%- endmacro %}

{# The estimate of a group of observations with one score, in units: a difference of means, a scaled median, or a mean. #}
{% macro score_estimate() -%}
case
    when score = 'consistency' then 1.4826 * median(value_millionths)
    when score = 'pressure_response'
        then
            cast(sum(case when not is_control then value_millionths end) as {{ type_double() }})
            / nullif(count(case when not is_control then 1 end), 0)
            - cast(sum(case when is_control then value_millionths end) as {{ type_double() }})
            / nullif(count(case when is_control then 1 end), 0)
    else cast(sum(value_millionths) as {{ type_double() }}) / count(*)
end / 1000000
{%- endmacro %}

{# The standard error of an estimate, from a relation with the estimate and its numbers, and the scatter of the score. #}
{% macro score_standard_error(relation) -%}
case
    when {{ relation }}.score = 'consistency' then 1.166 * {{ relation }}.estimate * sqrt(scatters.race_ratio / {{ relation }}.n)
    when {{ relation }}.score = 'pressure_response'
        then
            scatters.within_sd
            * sqrt(
                scatters.race_ratio * (
                    cast(1 as {{ type_double() }}) / {{ relation }}.n
                    + cast(1 as {{ type_double() }}) / nullif({{ relation }}.controls, 0)
                )
            )
    else scatters.within_sd * sqrt(scatters.race_ratio / {{ relation }}.n)
end
{%- endmacro %}

{# The fewest observations with which half a season, and twice as many with which a driver, counts among those compared. #}
{% macro min_observations_of_half() -%}
case score
    when 'pass_conversion' then 15
    when 'first_lap_gain' then 4
    when 'consistency' then 60
    when 'tyre_management' then 4
    when 'pressure_response' then 10
end
{%- endmacro %}

{# The ten columns of each score, in order. #}
{% macro profile_measures() -%}
{{ return([
    'vs_team_mate', 'vs_team_mate_low', 'vs_team_mate_high', 'estimate', 'n', 'shrunk', 'low', 'high', 'reliability',
    'can_be_told_apart'
]) }}
{%- endmacro %}

{# The ten columns of each score, from the long table int_driver_scores: an estimate and a difference only with their intervals. #}
{% macro profile_columns() -%}
{%- set interval_of = {'estimate': 'low', 'vs_team_mate': 'vs_team_mate_low'} -%}
{%- for score in profile_scores() %}
{%- for column in profile_measures() | reject('equalto', 'can_be_told_apart') %}
    max(
        case when score = '{{ score }}' and {{ interval_of.get(column, column) }} is not null then {{ column }} end
    ) as {{ score }}_{{ column }},
{%- endfor %}
    coalesce(max(case when score = '{{ score }}' and can_be_told_apart then 1 else 0 end) = 1, false)
        as {{ score }}_can_be_told_apart,
{%- endfor %}
{%- endmacro %}

{# The same columns, of a relation that has them. #}
{% macro carried_profile_columns(relation) -%}
{%- for score in profile_scores() %}
{%- for column in profile_measures() %}
    {{ relation }}.{{ score }}_{{ column }},
{%- endfor %}
{%- endfor %}
{%- endmacro %}
