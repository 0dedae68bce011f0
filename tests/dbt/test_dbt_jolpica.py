"""Silver of Jolpica: the traps of the old season as rows of the current pulls, and an incremental run after a correction."""

import jolpica_rows
import pytest
from dbt_lake import Lake

from f1_lakehouse.simulator.ergast import History
from f1_lakehouse.simulator.history import write_history
from f1_lakehouse.simulator.jolpica import JolpicaApi

BUILD = ("--select", "path:models/silver/jolpica", "--indirect-selection", "cautious")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The old season pulled once, built, then a corrected result and the stops of a round, built again."""
    folder = tmp_path_factory.mktemp("history")
    api = JolpicaApi(History(write_history(folder)))
    lake = Lake(tmp_path_factory.mktemp("lake"))
    jolpica_rows.pull_seasons(lake, api, [1957])
    lake.build(*BUILD, "--exclude-resource-type", "test")  # the data tests test the rows of the second build
    before = lake.query("select max(pull_id) from silver.silver_jolpica_races")
    results = jolpica_rows.served(api, "jolpica_results", 1957)
    results[0]["points"] = 3.5
    behind = next(row for row in results if row["position_text"].isdigit() and row["position"] > 1)
    behind["position_text"] = f"{behind['position'] + 1}"
    lake.pull("jolpica_results", 1957, 1957, results)
    late = {"season": 2011, "driver_id": "a", "lap_number": 3, "time_of_day": "14:00:00"}
    for number in (1, 2):
        stop = {"round": number, "stop": 1, "duration_text": "23.456", "duration_s": 23.456}
        lost = {"round": number, "stop": 2, "duration_text": "20", "duration_s": None}
        lake.pull("jolpica_pitstops", 201100 + number, 2011, [late | stop, late | lost])
    lake.pull("jolpica_pitstops", 201102, 2011, [], "emptied")
    lake.build(*BUILD)
    assert lake.query("select max(pull_id) from silver.silver_jolpica_races") == before
    return lake


def test_every_resource_has_its_rows_in_silver(lake: Lake) -> None:
    counts = {
        name: lake.query(f"select count(*) from silver.silver_jolpica_{name}")[0][0]
        for name in ("seasons", "circuits", "constructors", "drivers", "status", "races", "race_results")
    }
    assert counts == {
        "seasons": 1,
        "circuits": 4,
        "constructors": 4,
        "drivers": 106,
        "status": 8,
        "races": 4,
        "race_results": 126,
    }


def test_shared_drive_is_two_rows_of_one_car_and_the_second_car_a_third(lake: Lake) -> None:
    shared = lake.query(
        "select driver_id, classified_position from silver.silver_jolpica_race_results "
        "where round = 1 and car_number = 1 order by 1"
    )
    assert shared == [("old_driver_1", 1), ("old_driver_6", 1)]
    cars = lake.query(
        "select car_number from silver.silver_jolpica_race_results "
        "where round = 1 and driver_id = 'old_driver_6' order by 1"
    )
    assert cars == [(1,), (6,)]


def test_unclassified_cars_have_no_position_although_the_source_numbers_them(lake: Lake) -> None:
    found = lake.query(
        "select position_text, count(*), count(classified_position), bool_or(is_classified), count(position_order) "
        "from silver.silver_jolpica_race_results where position_text > '9' group by 1 order by 1"
    )
    assert found == [
        ("D", 1, 0, False, 1),
        ("E", 1, 0, False, 1),
        ("F", 94, 0, False, 94),
        ("N", 1, 0, False, 1),
        ("R", 7, 0, False, 7),
        ("W", 1, 0, False, 1),
    ]


def test_classified_position_is_that_of_the_text_when_the_position_ahead_is_vacant(lake: Lake) -> None:
    assert lake.query(
        "select count(*) from silver.silver_jolpica_race_results where classified_position = position_order + 1"
    ) == [(1,)]


def test_cars_without_number_are_kept_apart_by_their_drivers(lake: Lake) -> None:
    assert lake.query(
        "select count(*), count(distinct race_result_key) from silver.silver_jolpica_race_results "
        "where car_number is null"
    ) == [(6, 6)]


def test_grid_0_is_null_and_no_pit_lane_start_before_2003(lake: Lake) -> None:
    assert lake.query(
        "select count(*), bool_or(started_from_pit_lane) from silver.silver_jolpica_race_results "
        "where grid_position is null"
    ) == [(97, False)]


def test_time_of_whole_seconds_comes_from_milliseconds(lake: Lake) -> None:
    assert lake.query(
        "select time_s, time_text from silver.silver_jolpica_race_results where round = 4 and position_text = '1'"
    ) == [(7200.0, "2:00")]


def test_correction_replaces_the_season_once(lake: Lake) -> None:
    assert lake.query(
        "select points from silver.silver_jolpica_race_results where round = 1 order by points limit 1 offset 0"
    ) == [(0.0,)]
    assert lake.query(
        "select count(*), count(distinct pull_id), max(source_rows) from silver.silver_jolpica_race_results"
    ) == [(126, 1, 1)]
    assert lake.query("select count(*) from silver.silver_jolpica_race_results where points = 3.5") == [(1,)]


def test_round_that_was_emptied_has_no_rows_and_lost_durations_are_flagged(lake: Lake) -> None:
    assert lake.query(
        "select round_key, stop_number, duration_s, is_duration_lost from silver.silver_jolpica_pit_stops order by 2"
    ) == [(201101, 1, 23.456, False), (201101, 2, None, True)]
