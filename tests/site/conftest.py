"""Published gold for each test."""

from pathlib import Path

import pytest
from gold_tables import GoldTables, make_empty


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("empty") / "gold.duckdb"
    make_empty(file)
    return file


@pytest.fixture
def gold(tmp_path: Path, empty: Path) -> GoldTables:
    """Published gold without rows."""
    return GoldTables(tmp_path / "lake", empty)


@pytest.fixture
def race(tmp_path: Path, race_file: Path) -> GoldTables:
    """A race of two drivers over ten laps, with weather and a message."""
    return GoldTables(tmp_path / "lake", race_file)


@pytest.fixture(scope="session")
def race_file(tmp_path_factory: pytest.TempPathFactory, empty: Path) -> Path:
    gold = GoldTables(tmp_path_factory.mktemp("race") / "lake", empty)
    gold.weekend("race")
    gold.driver(4, "Lando Norris", "NOR", "McLaren", "FF8000")
    gold.driver(81, "Oscar Piastri", "PIA", "McLaren", "FF8000")
    gold.results(
        "race",
        {
            "driver_number": 4,
            "duration_s": 905.125,
            "number_of_laps": 10,
            "grid_position": 2,
            "positions_gained": 1,
            "points": 25.0,
        },
        {
            "driver_number": 81,
            "gap_to_leader_s": 5.5,
            "number_of_laps": 10,
            "grid_position": 1,
            "positions_gained": -1,
            "points": 18.0,
        },
    )
    gold.laps("race", 4, [90.0 + i / 10 for i in range(10)])
    gold.laps("race", 81, [91.0 + i / 10 for i in range(10)], position=2)
    gold.insert(
        "fact_weather",
        [
            {
                "session_key": 103,
                "season": 2025,
                "date": f"2025-03-16 04:0{i}:00",
                "air_temperature": 20.0,
                "track_temperature": 30.0,
                "wind_speed": 1.0,
                "is_raining": i == 1,
            }
            for i in range(3)
        ],
    )
    gold.insert(
        "fact_race_control",
        [
            {
                "session_key": 103,
                "race_control_key": "a",
                "date": "2025-03-16 04:00:00",
                "flag": "GREEN",
                "message": "LIGHTS OUT",
            }
        ],
    )
    return gold.settings.gold
