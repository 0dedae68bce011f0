{#- One row per season, round, driver_id, constructor_id and car_number. -#}
{{ silver_jolpica_results('jolpica_results', 'race_result_key', {'fastest_lap_speed_kmh': 'number'}) }}
