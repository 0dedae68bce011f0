"""An odd value of a source is a warning: the rest of gold is still built and published.

`F1_TEST_SEED` is the first seed, `F1_TEST_SEEDS` the number of seeds, `F1_TEST_VALUES` the number of values planted in a
lake. If a build fails, the test finds and names the causing values.
"""

import os
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from odd_values import ODD_VALUES, OddLake, OddValue, find_cause, plant, planted, read, season

from f1_lakehouse.sources.openf1.endpoints import ENDPOINTS

FIRST_SEED = int(os.environ.get("F1_TEST_SEED", "1"))
SEEDS = range(FIRST_SEED, FIRST_SEED + int(os.environ.get("F1_TEST_SEEDS", "2")))
VALUES = int(os.environ.get("F1_TEST_VALUES", "1700"))
CASES = Path(os.environ.get("F1_RECORDED_DATA", "")).parent / "cases"


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_gold_is_built_with_odd_values_in_any_column(tmp_path: Path, seed: int) -> None:
    served = season(tmp_path / "season")
    lake = OddLake(tmp_path, served)
    odd = plant(random.Random(seed), served, VALUES)
    assert {(one.endpoint, one.column) for one in odd} == {
        (e.name, c.name) for e in ENDPOINTS for c in e.columns
    }

    built = lake.build(planted(served, odd))
    if built.failures:
        name, message = next(iter(built.failures.items()))

        def fails(some: Sequence[OddValue]) -> bool:
            return name in lake.build(planted(served, some)).failures

        found = "\n".join(map(str, find_cause(odd, fails)))
        pytest.fail(
            f"{name}: {message}\nbecause of\n{found}\n({len(built.failures)} fail: {[*built.failures]})"
        )
    assert built.warnings, "odd values cause warnings"
    assert all(
        built.rows[table] for table in ("fact_laps", "fact_results", "lap_chart", "championship_progression")
    )


@pytest.mark.slow
@pytest.mark.skipif(not CASES.is_dir(), reason="F1_RECORDED_DATA names no folder with cases next to it")
def test_sessions_with_one_odd_row_each_are_built_with_a_warning(tmp_path: Path) -> None:
    served = read(CASES / "25-odd-row-blocks-publish")
    built = OddLake(tmp_path, served).build(served)
    assert built.failures == {}
    assert {
        "source_positions_position_is_probable",
        "source_pit_stops_lap_number_is_probable",
        "source_compounds_have_no_hyphen",
        "fastest_pit_lane_time_does_not_exceed_total",
    } <= built.warnings


def test_causing_values_are_found_by_halving() -> None:
    odd = [OddValue("laps", 1, index, "lap_number", value) for index, value in enumerate(range(40))]
    assert find_cause(odd, lambda some: odd[17] in some) == [odd[17]]
    both = find_cause(odd, lambda some: odd[3] in some and odd[30] in some)
    assert sorted(one.index for one in both) == [3, 30]
    assert set(ODD_VALUES) == {column.kind for endpoint in ENDPOINTS for column in endpoint.columns}
