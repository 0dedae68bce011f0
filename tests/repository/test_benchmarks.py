"""The benchmarks run without an error. The measured values are not tested."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]

GROWN = """
from benchmarks import lakes
from f1_lakehouse.storage.bronze import Bronze
lakes.SEASONS, lakes.FULL_RACE = {2025: 2}, 2025015
root = lakes.lake(1)
lakes._fill(root, 2025)  # once more: everything is there
assert (root / "gold.duckdb").exists()
bronze = Bronze(str(root / "bronze"))
assert {pull.outcome for pull in bronze.pull_log.all()} <= {"appended", "empty", "unchanged"}
assert bronze.rows("car_data", 2025025).num_rows < bronze.rows("car_data", 2025015).num_rows
"""

PEAKS = """
import os, sys
from benchmarks.commands import command
codes = "b'x' * (400 << 20)", "pass"
large, small = (command([sys.executable, "-S", "-c", code], dict(os.environ))["peak_mib"] for code in codes)
assert large > 400 > 4 * small > 0, (large, small)
"""


def run(*arguments: str, data: Path) -> None:
    environment = {**os.environ, "F1_BENCH_DATA": str(data)}
    subprocess.run([sys.executable, *arguments], cwd=PROJECT, env=environment, check=True)


@pytest.mark.slow
def test_quick_cases_print_a_table_with_each_case(tmp_path: Path) -> None:
    run("-m", "benchmarks", "--quick", "--repeats", "1", data=tmp_path)
    assert (tmp_path / "RESULTS.md").read_text().count("\n## ") == 4


@pytest.mark.slow
def test_generated_lake_has_full_telemetry_of_one_race_only(tmp_path: Path) -> None:
    run("-c", GROWN, data=tmp_path)


@pytest.mark.slow
def test_memory_of_a_command_is_not_that_of_an_earlier_one(tmp_path: Path) -> None:
    run("-c", PEAKS, data=tmp_path)
