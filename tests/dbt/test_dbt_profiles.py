"""The scores of drivers, recomputed with plain loops from the same observations: estimate and split-half reliability."""

import random
import re
from collections import defaultdict
from statistics import correlation, fmean, median

import duckdb
import pytest
from dbt_lake import Lake
from lake_states import LakeStates

DRIVERS, RACES = 10, 9
OF_RACE = {
    "pass_conversion": 8,
    "first_lap_gain": 1,
    "consistency": 20,
    "tyre_management": 2,
    "pressure_response": 8,
}
MIN_OF_HALF = {
    "pass_conversion": 15,
    "first_lap_gain": 4,
    "consistency": 60,
    "tyre_management": 4,
    "pressure_response": 10,
}
Observation = tuple[int, int, str, bool, int | None, int]
"""Race, driver, score, whether a control, grid zone, millionths."""


def make_observations() -> list[Observation]:
    """Return observations of drivers who differ, with noise."""
    rng = random.Random(11)
    found: list[Observation] = []
    for race in range(RACES):
        for driver in range(DRIVERS):
            for score, number in OF_RACE.items():
                for index in range(number):
                    own = 0.1 * driver * (1 + 0.1 * list(OF_RACE).index(score))
                    value = rng.gauss(0, 0.2 + own) if score == "consistency" else own + rng.gauss(0, 0.8)
                    zone = driver // 5 if score == "first_lap_gain" else None
                    is_control = score == "pressure_response" and index % 3 == 0
                    found.append((race, driver, score, is_control, zone, round(1_000_000 * value)))
    return found


def estimate(score: str, rows: list[Observation], usual: dict[int | None, int]) -> float:
    """Return the estimate of a score from its observations."""
    own = [millionths for *_, is_control, _, millionths in rows if not is_control]
    if score == "consistency":
        return 1.4826 * median(map(abs, own)) / 1e6
    if score == "first_lap_gain":
        return fmean(millionths - usual[zone] for *_, zone, millionths in rows) / 1e6
    if score == "pressure_response":
        return (fmean(own) - fmean(m for *_, is_control, _, m in rows if is_control)) / 1e6
    return fmean(own) / 1e6


def reliability(score: str, rows: list[Observation], usual: dict[int | None, int]) -> float:
    """Return the mean correlation of 31 halvings."""
    found = []
    for mask in range(1, 32):
        halves: dict[int, tuple[list[Observation], list[Observation]]] = defaultdict(lambda: ([], []))
        for row in rows:
            halves[row[1]][(row[0] & mask).bit_count() % 2].append(row)
        pairs = [
            [estimate(score, half, usual) for half in both]
            for both in halves.values()
            if all(sum(not row[3] for row in half) >= MIN_OF_HALF[score] for half in both)
        ]
        if len(pairs) >= 8:
            found.append(correlation(*zip(*pairs, strict=True)))
    return round(fmean(found), 3)


@pytest.fixture(scope="module")
def scores(lake: Lake, states: LakeStates) -> dict[tuple[int, str], tuple[float, int, float, float, float]]:
    """int_driver_scores of the made observations: estimate, n, reliability, low, high by driver and score."""
    code = states.manifest["nodes"]["model.f1.int_driver_scores"]["compiled_code"]
    code = re.sub(r'"[^"]+"\.("silver"|"gold")\.', r"\1.", code)
    with duckdb.connect() as con:
        con.execute(f"attach '{lake.warehouse}' as warehouse (read_only)")
        con.execute("create schema silver")
        for table in ("silver_sessions", "int_driver_observations"):
            con.execute(f"create table silver.{table} as from warehouse.silver.{table} limit 0")
        con.execute("detach warehouse")
        con.execute(
            "insert into silver.silver_sessions by name "
            f"select i as session_key, date '2024-01-01' + i::integer as date_start from range({RACES}) as t(i)"
        )
        con.executemany(
            "insert into silver.int_driver_observations by name select ? as session_key, 2024 as season, 'd' || ? as driver_id, "
            "'team' || ? as team_id, ? as score, ? as is_control, ? as grid_zone, ? as value_millionths",
            [(race, driver, driver // 2, *others) for race, driver, *others in make_observations()],
        )
        rows = con.execute(
            f"select driver_id, score, estimate, n, reliability, low, high from ({code}) where period = 2024"
        ).fetchall()
    return {(int(driver[1:]), score): (*values,) for driver, score, *values in rows}  # type: ignore[misc]


def test_scores_and_reliabilities_equal_a_separate_computation(
    scores: dict[tuple[int, str], tuple[float, int, float, float, float]],
) -> None:
    observations = make_observations()
    zones: dict[int | None, list[int]] = defaultdict(list)
    for _, _, score, _, zone, millionths in observations:
        if score == "first_lap_gain":
            zones[zone].append(millionths)
    usual = {zone: round(fmean(values)) for zone, values in zones.items()}
    for score in OF_RACE:
        rows = [row for row in observations if row[2] == score]
        assert scores[0, score][2] == pytest.approx(reliability(score, rows, usual), abs=0.0011)
        for driver in range(DRIVERS):
            own = [row for row in rows if row[1] == driver]
            assert scores[driver, score][0] == pytest.approx(estimate(score, own, usual), abs=0.0001)
            assert scores[driver, score][1] == sum(not row[3] for row in own)


def test_intervals_contain_most_of_the_true_values(
    scores: dict[tuple[int, str], tuple[float, int, float, float, float]],
) -> None:
    """The drivers' true values of pass_conversion are 0.0, 0.1, …: the made observations scatter around them."""
    inside = [
        low <= 0.1 * driver <= high
        for (driver, score), (_, _, _, low, high) in scores.items()
        if score == "pass_conversion"
    ]
    assert sum(inside) >= 8
