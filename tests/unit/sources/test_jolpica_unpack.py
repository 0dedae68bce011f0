"""Rows out of nested responses, on hand-written bodies; each trap fails if it is unpacked in the obvious, wrong way."""

from typing import Any

import pytest
from jolpica_bodies import CONSTRUCTOR, DRIVER, RACE, body, races, result

from f1_lakehouse.sources.jolpica.endpoints import BY_TABLE
from f1_lakehouse.sources.jolpica.fields import Resource
from f1_lakehouse.sources.jolpica.unpack import EnvelopeError, envelope, unpack

RESULTS = BY_TABLE["jolpica_results"]


def rows(resource: Resource, served: bytes) -> list[dict[str, Any]]:
    """The rows of a body."""
    return unpack(resource, envelope(resource, served).table)


def test_result_of_a_race_is_flat_and_typed() -> None:
    (row,) = rows(RESULTS, races("Results", (5, [result()])))
    assert row == {
        "season": 2023,
        "round": 5,
        "number": 1,
        "position": 1,
        "position_text": "1",
        "points": 26.0,
        "driver_id": "max_verstappen",
        "constructor_id": "red_bull",
        "grid": 9,
        "laps": 57,
        "status": "Finished",
        "time_millis": 5258241,
        "time_text": "1:27:38.241",
        "fastest_lap_rank": 1,
        "fastest_lap_number": 56,
        "fastest_lap_s": 89.708,
        "fastest_lap_speed_kmh": 217.184,
    }


def test_unclassified_car_keeps_its_position_text() -> None:
    (row,) = rows(RESULTS, races("Results", (5, [result(position="18", positionText="R", Time=None)])))
    assert (row["position"], row["position_text"]) == (18, "R")
    assert "time_millis" not in row


def test_missing_number_is_null_although_it_is_served_as_text() -> None:
    (row,) = rows(RESULTS, races("Results", (5, [result(number="None")])))
    assert row["number"] is None


def test_car_number_zero_is_a_number() -> None:
    (row,) = rows(RESULTS, races("Results", (5, [result(number="0")])))
    assert row["number"] == 0


def test_half_points_are_kept() -> None:
    (row,) = rows(RESULTS, races("Results", (5, [result(points="4.5")])))
    assert row["points"] == 4.5


def test_winner_time_of_whole_seconds_is_exact_in_millis() -> None:
    served = {"millis": "5258000", "time": "1:27"}
    (row,) = rows(RESULTS, races("Results", (5, [result(Time=served)])))
    assert (row["time_millis"], row["time_text"]) == (5258000, "1:27")


def test_shared_drive_gives_one_row_per_driver_and_car() -> None:
    shared = [
        result("fagioli", number="8", position="1", positionText="1"),
        result("fangio", number="8", position="1", positionText="1"),
        result("fangio", number="4", position="12", positionText="R"),
    ]
    found = rows(RESULTS, races("Results", (5, shared)))
    assert [(row["driver_id"], row["number"]) for row in found] == [
        ("fagioli", 8),
        ("fangio", 8),
        ("fangio", 4),
    ]


def test_rows_of_several_races_have_their_own_round() -> None:
    found = rows(RESULTS, races("Results", (5, [result("a")]), (6, [result("b"), result("c")])))
    assert [(row["round"], row["driver_id"]) for row in found] == [(5, "a"), (6, "b"), (6, "c")]


def test_details_of_driver_race_and_circuit_are_not_columns_of_results() -> None:
    (row,) = rows(RESULTS, races("Results", (5, [result()])))
    assert not {"code", "driver_code", "race_name", "url", "races_race_name"} & set(row)


@pytest.mark.parametrize(
    ("changes", "column", "value"),
    [
        ({"carColour": "red"}, "car_colour", "red"),
        ({"Driver": {**DRIVER, "height": "180"}}, "driver_height", "180"),
        ({"Tyres": {"first": "SOFT"}}, "tyres_first", "SOFT"),
    ],
)
def test_field_that_the_catalog_does_not_know_becomes_a_column(
    changes: dict[str, Any], column: str, value: str
) -> None:
    (row,) = rows(RESULTS, races("Results", (5, [result(**changes)])))
    assert row[column] == value


def test_laps_carry_their_number_and_seconds() -> None:
    laps = [
        {"number": "1", "Timings": [{"driverId": "perez", "time": "1:41.063", "position": "3"}]},
        {"number": "2", "Timings": [{"driverId": "perez", "time": "2:01:03.500", "position": "1"}]},
    ]
    content = {"Races": [{**RACE, "Laps": laps}]}
    found = rows(BY_TABLE["jolpica_laps"], body("RaceTable", content, total=2))
    assert [(row["lap_number"], row["time_s"], row["position"]) for row in found] == [
        (1, 101.063, 3),
        (2, 7263.5, 1),
    ]
    assert found[0]["time_text"] == "1:41.063"


@pytest.mark.parametrize(
    ("served", "seconds"), [("25.636", 25.636), ("23:05.070", 1385.07), ("", None), ("20", None)]
)
def test_pit_stop_keeps_its_text_and_is_null_where_the_service_lost_the_seconds(
    served: str, seconds: float | None
) -> None:
    stop = {"driverId": "zhou", "lap": "9", "stop": "1", "time": "14:19:22", "duration": served}
    (row,) = rows(BY_TABLE["jolpica_pitstops"], races("PitStops", (18, [stop])))
    assert row["duration_s"] == seconds
    assert row["duration_text"] == (served or None)
    assert (row["stop"], row["lap_number"], row["time_of_day"]) == (1, 9, "14:19:22")


def test_qualifying_time_that_is_empty_is_null() -> None:
    row = {
        "number": "1",
        "position": "1",
        "Driver": DRIVER,
        "Constructor": CONSTRUCTOR,
        "Q1": "1:41.269",
        "Q2": "",
    }
    (found,) = rows(BY_TABLE["jolpica_qualifying"], races("QualifyingResults", (5, [row])))
    assert (found["q1_s"], found["q2_s"], found.get("q3_s")) == (101.269, None, None)


def test_race_has_the_day_and_start_of_each_session() -> None:
    race = {
        **RACE,
        "FirstPractice": {"date": "2023-05-05", "time": "18:00:00Z"},
        "Qualifying": {"date": "2023-05-06"},
        "SprintShootout": {"date": "2023-05-06", "time": "15:00:00Z"},
    }
    (row,) = rows(BY_TABLE["jolpica_races"], body("RaceTable", {"Races": [race]}))
    assert row["circuit_id"] == "miami"
    assert (row["race_date"], row["race_start"]) == ("2023-05-07", "2023-05-07T19:30:00Z")
    assert row["first_practice_start"] == "2023-05-05T18:00:00Z"
    assert (row["qualifying_date"], row["qualifying_start"]) == ("2023-05-06", None)
    assert row["sprint_shootout_start"] == "2023-05-06T15:00:00Z"
    assert not {"date", "time", "race_time", "first_practice_time"} & set(row)


def test_race_without_a_time_of_day_has_a_day() -> None:
    race = {name: value for name, value in RACE.items() if name != "time"}
    (row,) = rows(BY_TABLE["jolpica_races"], body("RaceTable", {"Races": [race]}))
    assert (row["race_date"], row["race_start"]) == ("2023-05-07", None)


def test_standings_have_the_round_of_their_list_and_all_constructors() -> None:
    entry = {
        "positionText": "-",
        "points": "0",
        "wins": "0",
        "Driver": DRIVER,
        "Constructors": [CONSTRUCTOR, {**CONSTRUCTOR, "constructorId": "toro_rosso"}],
    }
    lists = [{"season": "2016", "round": "21", "DriverStandings": [entry]}]
    (row,) = rows(BY_TABLE["jolpica_driver_standings"], body("StandingsTable", {"StandingsLists": lists}))
    assert (row["season"], row["round"], row["driver_id"]) == (2016, 21, "max_verstappen")
    assert row["constructor_ids"] == ["red_bull", "toro_rosso"]
    assert row["position_text"] == "-"
    assert "position" not in row


def test_response_without_rows_has_no_rows() -> None:
    assert rows(RESULTS, body("RaceTable", {"season": "2023", "Races": []}, total=0)) == []


@pytest.mark.parametrize(
    ("served", "message"),
    [
        (b"<html>", "not JSON"),
        (b"[]", "without MRData"),
        (b'{"detail": "x"}', "without MRData"),
        (body("DriverTable", {"Drivers": []}), "without RaceTable"),
        (body("RaceTable", {"Races": {}}), "Races is not a list"),
        (body("RaceTable", {"Races": [5]}), "item of Races"),
        (body("RaceTable", {"Races": []}, total="many"), "total is 'many'"),
        (body("RaceTable", {"Races": []}, total=-1), "total is '-1'"),
        (body("RaceTable", {"Races": []}, offset="x"), "offset is 'x'"),
    ],
)
def test_body_that_is_no_response_of_the_resource_is_an_error(served: bytes, message: str) -> None:
    with pytest.raises(EnvelopeError, match=message):
        rows(RESULTS, served)
