"""A small published lake (small_gold.py), opened once; tests that change it have their own copy."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from small_gold import SINGAPORE, publish

import f1_lakehouse
from f1_lakehouse.api.published_lake import PublishedLake


@pytest.fixture(scope="session")
def shared_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    publish(folder)
    return folder


@pytest.fixture(scope="session")
def lake(shared_root: Path) -> Iterator[PublishedLake]:
    with f1_lakehouse.open(shared_root) as opened:
        yield opened


@pytest.fixture
def root(shared_root: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    copyfile(shared_root / "gold.duckdb", tmp_path / "gold.duckdb")
    return tmp_path


@pytest.fixture
def telemetry(root: Path) -> Path:
    """The lake with telemetry: two samples per lap of Norris."""
    rows = {
        "session_key": [SINGAPORE.key] * 4,
        "season": [2024] * 4,
        "driver_number": [4] * 4,
        "lap_number": [1, 1, 2, 2],
        "date": [1, 2, 3, 4],
        "speed": [100, 110, 300, 310],
    }
    write_deltalake(str(root / "gold" / "fact_telemetry"), pa.table(rows))
    return root
