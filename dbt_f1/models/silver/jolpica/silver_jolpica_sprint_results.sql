{#- One row per season, round, driver_id, constructor_id and car_number. -#}
{{ silver_jolpica_results('jolpica_sprint', 'sprint_result_key') }}
