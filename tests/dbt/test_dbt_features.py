"""Features of a lap do not use what comes after its end: tests on complete races, and each test fails on a planted leak.

The races are made here (silver's tables, no dbt), or recorded (slow). That splits do not overlap, and that priors and folds use
earlier sessions only, is tested by dbt (splits_do_not_overlap, priors_come_from_earlier_sessions, folds_contain_only_earlier_sessions).
"""

import os
import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from statistics import fmean

import duckdb
import pytest
from dbt_lake import Lake
from feature_cuts import (
    ALLOWED,
    compiled,
    cut_by_lap,
    cut_by_time,
    cut_later_races,
    differences,
    features,
    tables_read,
)
from lake_states import LakeStates

CUTS = [cut_by_lap, cut_by_time]
ALL_CUTS = [*CUTS, cut_later_races]
START = datetime.fromisoformat("2024-09-22T12:00:00")
CARS, LAPS = 9, 16


def make_race(con: duckdb.DuckDBPyConnection, rng: random.Random, key: int, begin: datetime) -> None:
    """Fill silver's tables with a session: nine cars, one of them lapped, stops, a safety car, a yellow, weather, telemetry."""
    for car in range(1, CARS + 1):
        start = begin + timedelta(seconds=180 + 0.3 * car)
        stop = 4 + car
        con.execute(f"insert into silver.silver_stints by name select {key} as session_key, ? as driver_number, 1 as stint_number, "
                    "'MEDIUM' as compound, 2 as tyre_age_at_start, 1 as lap_start, ? as lap_end", [car, stop])  # fmt: skip
        con.execute(f"insert into silver.silver_stints by name select {key} as session_key, ? as driver_number, 2 as stint_number, "
                    "'HARD' as compound, 0 as tyre_age_at_start, ? as lap_start, ? as lap_end", [car, stop + 1, LAPS])  # fmt: skip
        for lap in range(1, LAPS + 1):
            extra = 20.0 if lap == stop + 1 else 0.5 if lap == stop else 0.0
            took = round((99.0 if car == CARS else 90 + 0.2 * car) + rng.gauss(0, 0.3) + extra, 3)
            served = start + timedelta(seconds=rng.uniform(-0.3, 0.3))
            con.execute(
                f"insert into silver.silver_laps by name select {key} as session_key, 2024 as season, 7 as meeting_key, ? as driver_number, "
                "? as lap_number, ? as date_start, ? as lap_duration, ? as duration_sector_1, false as is_impossible_time, "
                "false as is_pit_out_lap",
                [car, lap, served, took, took / 3],
            )
            con.execute(
                f"insert into silver.int_laps by name select {key} as session_key, ? as driver_number, ? as lap_number, "
                "? as is_pit_in_lap, false as is_deleted, true as is_clean_lap",
                [car, lap, lap == stop],
            )
            if lap == stop:
                out = start + timedelta(seconds=took + 18)
                con.execute(f"insert into silver.silver_pit_stops by name select {key} as session_key, ? as driver_number, "
                            "? as lap_number, ? as date", [car, lap, out])  # fmt: skip
            for tenth in range(0, 10):
                con.execute(f"insert into silver.silver_car_data by name select {key} as session_key, ? as driver_number, ? as date, "
                            "? as speed, 100 as throttle, 0 as brake, 0 as drs, false as is_drs_open, ? as n_gear",
                            [car, start + timedelta(seconds=took * tenth / 10), rng.randint(80, 320), rng.randint(2, 8)])  # fmt: skip
            start += timedelta(seconds=took)
    for second, category, flag, scope, sector, message in [
        (-60, "Other", None, None, None, "RISK OF RAIN IS 0%"),
        (700, "SafetyCar", None, None, None, "SAFETY CAR DEPLOYED"),
        (900, "SafetyCar", None, None, None, "SAFETY CAR IN THIS LAP"),
        (1290, "Flag", "YELLOW", "Sector", 3, "YELLOW IN TRACK SECTOR 3"),
        (1300, "Flag", "CLEAR", "Sector", 3, "CLEAR IN TRACK SECTOR 3"),
    ]:
        con.execute(
            f"insert into silver.silver_race_control by name select {key} as session_key, ? as date, ? as category, ? as flag, "
            "? as scope, ? as sector, ? as message",
            [begin + timedelta(seconds=second), category, flag, scope, sector, message],
        )
    for minute in range(0, 40):
        con.execute(f"insert into silver.silver_weather by name select {key} as session_key, ? as date, ? as track_temperature, "
                    "false as is_raining", [begin + timedelta(minutes=minute), 40 + 0.1 * minute])  # fmt: skip


@pytest.fixture(scope="module")
def sql(states: LakeStates) -> dict[str, str]:
    return compiled(states.manifest)


@pytest.fixture(scope="module")
def race(lake: Lake, states: LakeStates) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with the tables of two races, a week apart, of the types of the warehouse."""
    assert states
    with duckdb.connect() as con:
        con.execute(f"attach '{lake.warehouse}' as warehouse (read_only)")
        con.execute("create schema silver")
        con.execute("create schema gold")
        for schema, table in con.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'warehouse' "
            "and (table_name like 'silver_%' or table_name in ('int_laps', 'int_session_drivers', 'race_distances', 'dim_splits'))"
        ).fetchall():
            con.execute(f"create table {schema}.{table} as from warehouse.{schema}.{table} limit 0")
        con.execute("insert into gold.dim_splits from warehouse.gold.dim_splits")
        con.execute("detach warehouse")
        rng = random.Random(7)
        for key, begin in ((1, START), (2, START + timedelta(days=7))):
            con.execute("insert into silver.silver_sessions by name select ? as session_key, 2024 as season, 'Race' as session_category, "
                        "61 as circuit_key, ?::timestamp as date_start", [key, begin])  # fmt: skip
            make_race(con, rng, key, begin)
        yield con


def test_features_read_only_tables_that_are_known_or_cut(sql: dict[str, str]) -> None:
    """A result, an aggregate of a stint or a race, or a profile is no input of a feature."""
    assert tables_read(sql) == ALLOWED


def test_documentation_has_every_feature(states: LakeStates) -> None:
    columns = states.manifest["nodes"]["model.f1.lap_features"]["columns"].values()
    roles = {column["name"]: column["config"].get("meta", {}).get("role") for column in columns}
    text = (Path(__file__).parents[2] / "docs" / "strategy-features.md").read_text(encoding="utf-8")
    missing = {name for name, role in roles.items() if role and "feature" in role and f"`{name}`" not in text}
    assert missing == set()


@pytest.mark.parametrize("cut", ALL_CUTS)
def test_features_are_the_same_in_a_race_that_is_cut_off(
    race: duckdb.DuckDBPyConnection, sql: dict[str, str], cut: Callable[..., None]
) -> None:
    assert differences(race, sql, cut, (5, 9)) == set()


LEAKS = [
    # the end of the lap from the start of the next one
    ("int_timed_laps", "and laps.lap_number >= earlier.lap_number", "", "lap_ended_at"),
    # a stop before the car has left the pit lane
    ("int_timed_laps", "and laps.lap_number > stops.in_lap_number\n            and stops.left_pit_at between laps.race_started_at and laps.lap_ended_at", "and laps.lap_number >= stops.in_lap_number", "stops_so_far"),
    # messages and weather after the lap
    ("int_timed_laps", "and periods.started_at <= laps.lap_ended_at", "", "track_status"),
    ("int_timed_laps", "asof_left.lap_ended_at >= asof_right.date", "asof_left.lap_ended_at <= asof_right.date", "track_temperature_celsius"),
    # the length of the stint
    ("int_timed_laps", "laps.lap_number - stints.lap_start + 1 as integer", "coalesce(stints.next_lap_start, 99) - stints.lap_start as integer", "stint_age_laps"),
    # a car that completes the lap later, the field that has not completed it, in-laps from the next lap
    ("lap_features", "line_ms - lag(line_ms) over lap_order as gap_ahead_ms", "lead(line_ms) over lap_order - line_ms as gap_ahead_ms", "gap_ahead_s"),
    ("lap_features", "and own.line_ms >= others.line_ms\n    where own.age", "where own.age", "pace_last_1_vs_field_s"),
    ("lap_features", "laps.is_green_lap and laps.driven_ms <=", "not laps.next_is_out_lap and laps.is_green_lap and laps.driven_ms <=", "is_clean_so_far"),
    # the next lap's sector, the mean of the session, in-laps
    ("lap_features", "laps.duration_sector_1 as sector_1_s", "lead(laps.duration_sector_1) over (partition by laps.driver_number order by laps.lap_number) as sector_1_s", "sector_1_s"),
    ("lap_features", "laps.lap_time_s,", "avg(laps.lap_time_s) over () as lap_time_s,", "lap_time_s"),
    ("lap_features", "clean.lap_number = laps.lap_number\n            or not", "not", "pace_last_1_clean_s"),
    # the end of the stint, the next lap's status, the last position of the race, the mean of the other races of the season
    ("lap_features", "laps.stint_age_laps,", "max(laps.stint_age_laps) over (partition by laps.session_key, laps.driver_number, laps.stint_number) as stint_age_laps,", "stint_age_laps"),
    ("int_timed_laps", "stints.tyre_age_at_start + laps.lap_number - stints.lap_start as integer", "(select max(s.lap_end) from silver.silver_stints as s where s.session_key = laps.session_key and s.driver_number = laps.driver_number and s.stint_number = stints.stint_number) as integer", "tyre_age_laps"),
    ("lap_features", "    laps.track_status,\n", "    lead(laps.track_status) over (partition by laps.session_key, laps.driver_number order by laps.lap_number) as track_status,\n", "track_status"),
    ("lap_features", "cast(laps.position as integer) as position", "cast(max_by(laps.position, laps.lap_number) over (partition by laps.session_key, laps.driver_number) as integer) as position", "position"),
    ("lap_features", "laps.lap_time_s,", "(select avg(o.lap_time_s) from judged as o where o.season = laps.season and o.session_key <> laps.session_key) as lap_time_s,", "lap_time_s"),
    # the laps as known after the session
    ("lap_features", "    laps.track_status,\n", "    (select max(k.track_status) from silver.int_laps as k where k.session_key = laps.session_key and k.lap_number = laps.lap_number) as track_status,\n", "track_status"),
    # telemetry after the end of the lap
    ("int_timed_lap_telemetry", "and laps.lap_ended_at > car.date", "", "top_speed_kmh"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak[3])
def test_planted_leak_is_detected(
    race: duckdb.DuckDBPyConnection, sql: dict[str, str], leak: tuple[str, str, str, str]
) -> None:
    model, original, planted, column = leak
    assert sql[model].count(original) >= 1, "the text of the model has changed: change this list too"

    def rewrite(name: str, code: str) -> str:
        return code.replace(original, planted) if name == model else code

    assert column in set().union(*(differences(race, sql, cut, (5, 6, 9), rewrite) for cut in ALL_CUTS))


@pytest.mark.parametrize(
    "table", ["gold.fact_results", "silver.silver_session_results", "gold.stint_aggregates"]
)
def test_planted_table_is_detected(sql: dict[str, str], table: str) -> None:
    position = "laps.lap_time_s,"
    planted = (
        f"(select max(x.position) from {table} as x where x.session_key = laps.session_key) as lap_time_s,"
    )
    assert position in sql["lap_features"]
    changed = {**sql, "lap_features": sql["lap_features"].replace(position, planted)}
    assert tables_read(changed) - ALLOWED == {table.split(".")[1]}


def skill(rows: list[tuple[list[float], float]]) -> float:
    """Return the share of the variance of the later half that one line per column, fitted to the first half, explains."""
    half = len(rows) // 2
    train, test = rows[:half], rows[half:]
    mean = fmean(target for _, target in train)
    residuals = [target - mean for _, target in train]
    predicted = [mean] * len(test)
    for column in range(len(train[0][0])):
        xs = [values[column] for values, _ in train]
        centre = fmean(xs)
        spread = sum((x - centre) ** 2 for x in xs)
        slope = sum((x - centre) * r for x, r in zip(xs, residuals, strict=True)) / spread if spread else 0.0
        residuals = [r - slope * (x - centre) for x, r in zip(xs, residuals, strict=True)]
        predicted = [
            p + slope * (values[column] - centre) for p, (values, _) in zip(predicted, test, strict=True)
        ]
    squares = sum((target - p) ** 2 for p, (_, target) in zip(predicted, test, strict=True))
    return 1 - squares / sum((target - mean) ** 2 for _, target in test)


def test_features_show_no_skill_on_shuffled_targets(
    race: duckdb.DuckDBPyConnection, sql: dict[str, str]
) -> None:
    """With the next lap as target there is skill; with shuffled targets none, unless the target is among the columns."""
    rows = features(race, sql)
    pairs = [
        ([row["pace_last_3_clean_s"], float(row["tyre_age_laps"]), float(row["position"])], following["lap_time_s"])
        for (session, driver, lap), row in sorted(rows.items(), key=lambda item: (item[0][2], item[0][1]))
        if row["pace_last_3_clean_s"] and (following := rows.get((session, driver, lap + 1))) and following["is_clean_so_far"]
    ]  # fmt: skip
    targets = [target for _, target in pairs]
    random.Random(3).shuffle(targets)
    shuffled = [(values, target) for (values, _), target in zip(pairs, targets, strict=True)]
    assert skill(pairs) > 0.5
    assert skill(shuffled) < 0.1
    assert skill([([*values, target], target) for values, target in shuffled]) > 0.5, "a leak is detected"


@pytest.mark.slow
@pytest.mark.skipif("F1_RECORDED_DATA" not in os.environ, reason="F1_RECORDED_DATA is not set")
@pytest.mark.parametrize("cut", CUTS)
def test_features_are_the_same_in_recorded_races_that_are_cut_off(
    recorded: duckdb.DuckDBPyConnection, sql: dict[str, str], cut: Callable[..., None]
) -> None:
    assert differences(recorded, sql, cut, (2, 10, 27, 44)) == set()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse of all recorded races of 2024, with the tables that the features need."""
    root = tmp_path_factory.mktemp("races")
    made = Lake(root)
    folder = Path(os.environ["F1_RECORDED_DATA"]) / "openf1"
    for endpoint in ("meetings", "sessions"):
        made.pull_folder(folder, endpoint, 2024, 2024)
    for file in sorted((folder / "laps").glob("9*.json*")):
        session = int(file.name.split(".")[0])
        for endpoint in ("drivers", "laps", "stints", "pit", "race_control", "weather", "session_result"):
            made.pull_folder(folder, endpoint, session, 2024)
    made.build("--select", "+lap_features", "--exclude-resource-type", "test", "unit_test")
    with duckdb.connect(made.warehouse) as con:
        yield con
