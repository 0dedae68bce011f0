"""Recorded responses of the service: every row is kept or quarantined, and the quarantined rows are known.

Needs F1_RECORDED_DATA, a folder with `openf1/<endpoint>/*.json[.gz]`.
"""

import gzip
import os
from pathlib import Path

import orjson
import pytest

from f1_lakehouse.sources.openf1.endpoints import BY_NAME, ENDPOINTS, TELEMETRY
from f1_lakehouse.storage.fingerprint import fingerprint
from f1_lakehouse.storage.parsing import Batch, merge, parse, parse_rows
from f1_lakehouse.validation.schemas import improbable

VARIABLE = "F1_RECORDED_DATA"
KNOWN_FLAWS = {
    "weather": {"date: text that is no time": 2},
}
WITHOUT_DATE = {
    ("car_data", 9606): 700,
    ("car_data", 9655): 980,
    ("location", 9606): 0,
    ("location", 9655): 0,
}
"""Recorded samples of a session without a date; one file of some 700,000 samples is enough for the default tests."""
MAY_LACK = {"championship_drivers", "championship_teams"}


@pytest.fixture(scope="module")
def recorded() -> Path:
    given = os.environ.get(VARIABLE)
    if not given:
        pytest.skip(f"{VARIABLE} is not set: no recorded answers to test against")
    folder = Path(given) / "openf1"
    assert folder.is_dir(), f"{VARIABLE}={given} has no folder openf1"
    return folder


def read(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def reasons(batches: list[Batch]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in (row for batch in batches for row in batch.rejected):
        found[row.reason] = found.get(row.reason, 0) + 1
    return found


SMALL = ("drivers", "race_control", "session_result", "stints", "weather")
"""Endpoints whose recorded rows are read in each run of the tests; those of the others take seconds."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(one.name, marks=() if one.name in SMALL else pytest.mark.slow)
        for one in ENDPOINTS
        if one.name not in TELEMETRY
    ],
)
def test_every_recorded_row_is_kept_except_known_flaws(recorded: Path, name: str) -> None:
    files = sorted((recorded / name).glob("*.json*"))
    if not files and name in MAY_LACK:
        pytest.skip(f"no recorded {name}")
    assert files
    batches = []
    for path in files:
        body = read(path)
        batch = parse(BY_NAME[name], body)
        assert batch.table.num_rows + len(batch.rejected) == len(orjson.loads(body)), path.name
        assert batch.added == {}, path.name
        batches.append(batch)
    assert reasons(batches) == KNOWN_FLAWS.get(name, {})
    whole = merge(BY_NAME[name], batches)
    assert whole.table.num_rows == sum(batch.table.num_rows for batch in batches)
    assert sum(improbable(BY_NAME[name], whole.table).values()) <= 0.02 * whole.table.num_rows


@pytest.mark.parametrize(
    ("name", "key"),
    [
        pytest.param(name, key, marks=() if (name, key) == ("location", 9606) else pytest.mark.slow)
        for name, key in WITHOUT_DATE
    ],
)
def test_every_recorded_sample_with_a_date_is_kept(recorded: Path, name: str, key: int) -> None:
    found = orjson.loads(read(recorded / name / f"{key}.json.gz"))
    batch = parse_rows(BY_NAME[name], found)
    assert batch.table.num_rows + len(batch.rejected) == len(found)
    without_date = {"date: required, but null": WITHOUT_DATE[name, key]}
    assert reasons([batch]) == {reason: rows for reason, rows in without_date.items() if rows}


def test_recorded_session_has_the_same_fingerprint_in_any_order(recorded: Path) -> None:
    for name in ("laps", "session_result", "pit"):
        rows = orjson.loads(read(recorded / name / "9606.json"))
        backwards = parse_rows(BY_NAME[name], rows[::-1])
        assert fingerprint(backwards) == fingerprint(parse_rows(BY_NAME[name], rows))
