"""The pull log: all readers see the entries of all writers."""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from f1_lakehouse.storage import pull_log as pulls_module
from f1_lakehouse.storage.bronze import PULL_LOG_PROPERTIES, Bronze
from f1_lakehouse.storage.delta import scan, with_columns
from f1_lakehouse.storage.pull_log import SCHEMA, BronzeError, Ledger, Outcome, Pull

NOON = datetime(2024, 9, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    DeltaTable.create(str(tmp_path), schema=SCHEMA, configuration=PULL_LOG_PROPERTIES)
    return Ledger(str(tmp_path))


@pytest.fixture
def entry() -> Callable[..., Pull]:
    numbers = iter(range(10_000))

    def make(outcome: Outcome = Outcome.APPENDED, current: str | None = "own", **rest: Any) -> Pull:
        n = next(numbers)
        at = NOON + timedelta(minutes=n)
        base: dict[str, Any] = {
            "pull_id": f"p{n}", "endpoint": "laps", "scope": 9606, "season": 2024, "started_at": at, "at": at,
            "outcome": outcome.value, "rows": 10, "sha256": None if outcome is Outcome.FAILED else f"s{n}",
        }  # fmt: skip
        return Pull(**{**base, "truth_pull_id": f"p{n}" if current == "own" else current, **rest})

    return make


def test_entry_is_read_as_it_was_written(ledger: Ledger, entry: Callable[..., Pull]) -> None:
    one = entry(why="first pull", error="e", added_columns="{}", delta_version=3, bytes=2**40, seconds=0.25)
    assert ledger.append(one) == one
    assert Ledger(ledger.uri).all() == [one]


def test_pull_log_of_an_older_version_gets_the_error_columns(
    tmp_path: Path, entry: Callable[..., Pull]
) -> None:
    older = pa.schema([field for field in SCHEMA if not field.name.startswith("error_")])
    uri = f"{tmp_path}/_pulls"
    DeltaTable.create(uri, schema=older, configuration=PULL_LOG_PROPERTIES)
    failed = entry(Outcome.FAILED, None, error="OutageError: down (http://x); run again later")
    write_deltalake(uri, pa.Table.from_pylist([asdict(failed)], older), mode="append")
    assert Ledger(uri).all() == [failed]  # read before the first entry
    assert with_columns(scan(DeltaTable(uri)), SCHEMA).to_table()["error_cause"].to_pylist() == [None]

    bronze = Bronze(str(tmp_path))
    bronze.create()
    later = entry(Outcome.FAILED, None, error_type="OutageError", error_cause="down", error_url="http://x")
    bronze.ledger.append(later)
    assert Ledger(uri).all() == [failed, later]
    assert (failed.error_type, later.error_type) == (None, "OutageError")


def test_partition_without_a_response_has_no_current_pull(ledger: Ledger, entry: Callable[..., Pull]) -> None:
    assert ledger.truth("laps", 9606) is None
    ledger.append(entry(Outcome.FAILED, None))
    assert ledger.truth("laps", 9606) is None
    assert ledger.last_answer("laps", 9606) is None
    assert ledger.scopes() == [("laps", 9606)]


def test_current_pull_is_that_of_the_last_response(ledger: Ledger, entry: Callable[..., Pull]) -> None:
    first, second = entry(), entry()
    ledger.append(first)
    assert ledger.truth("laps", 9606) == first
    ledger.append(second)
    assert ledger.truth("laps", 9606) == second
    for outcome in (Outcome.UNCHANGED, Outcome.EMPTY_UNCONFIRMED, Outcome.FAILED):
        ledger.append(entry(outcome, second.pull_id))
        assert ledger.truth("laps", 9606) == second
    emptied = entry(Outcome.EMPTIED, rows=0)
    ledger.append(emptied)
    assert ledger.truth("laps", 9606) == emptied


def test_failed_pull_that_was_resumed_is_current(ledger: Ledger, entry: Callable[..., Pull]) -> None:
    ledger.append(entry(Outcome.FAILED, None, pull_id="p"))
    assert not ledger.holds("p", "laps", 9606)
    done = entry(pull_id="p", current="p")
    ledger.append(done)
    ledger.append(entry(Outcome.UNCHANGED, "p"))
    assert ledger.truth("laps", 9606) == done
    assert ledger.holds("p", "laps", 9606)


def test_response_is_logged_once(ledger: Ledger, entry: Callable[..., Pull]) -> None:
    one = entry()
    ledger.append(one)
    assert Ledger(ledger.uri).append(entry(pull_id=one.pull_id, run_id="another")) == one
    assert Ledger(ledger.uri).all() == [one]


def test_version_changes_only_with_a_current_pull(ledger: Ledger, entry: Callable[..., Pull]) -> None:
    versions = [ledger.version()]
    first = entry()
    steps = [
        (first, True),
        (entry(Outcome.UNCHANGED, first.pull_id), False),
        (entry(Outcome.FAILED, first.pull_id), False),
        (entry(Outcome.EMPTY_UNCONFIRMED, first.pull_id), False),
        (entry(Outcome.EMPTIED, rows=0), True),
        (entry(), True),
        (entry(scope=9655), True),
        (entry(endpoint="pit"), True),
        (entry(Outcome.FAILED, None, scope=1), False),
        (entry(Outcome.EMPTY, scope=2, rows=0), True),
    ]
    for pull, changes in steps:
        ledger.append(pull)
        assert (ledger.version() != versions[-1]) is changes, pull.outcome
        assert ledger.version() == Ledger(ledger.uri).version()
        versions.append(ledger.version())
    assert len(set(versions)) == 1 + sum(changes for _, changes in steps)


def test_entries_of_another_process_are_read(ledger: Ledger, entry: Callable[..., Pull]) -> None:
    assert ledger.all() == []
    other = Ledger(ledger.uri)
    one = entry()
    other.append(one)
    assert ledger.all() == [one]
    assert ledger.of("laps", 9606) == [one]


@pytest.mark.parametrize("entries", [1, 3, 5])
def test_recreated_pull_log_is_read_again(
    ledger: Ledger, entry: Callable[..., Pull], tmp_path: Path, entries: int
) -> None:
    for _ in range(3):
        ledger.append(entry())
    shutil.rmtree(tmp_path)
    with pytest.raises(BronzeError, match="cannot be read"):
        ledger.all()
    DeltaTable.create(str(tmp_path), schema=SCHEMA)
    found = [Ledger(ledger.uri).append(entry(scope=n)) for n in range(entries)]
    assert ledger.all() == found
    assert ledger.of("laps", 9606) == []


def test_interleaved_entries_of_two_processes_are_read_by_both(
    ledger: Ledger, entry: Callable[..., Pull], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = ledger, Ledger(ledger.uri)
    entered = [(one, other)[n % 2].append(entry()) for n in range(6)]
    assert one.all() == other.all() == entered
    monkeypatch.setattr(pulls_module, "scan", lambda _: pytest.fail("what was entered is known"))
    entered.append(one.append(entry(scope=1)))
    assert one.all() == entered


def test_unchanged_table_is_not_read_again(
    ledger: Ledger, entry: Callable[..., Pull], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.append(entry())
    ledger.all()
    monkeypatch.setattr(pulls_module, "scan", lambda _: pytest.fail("read again"))
    assert len(ledger.all()) == 1


def test_compaction_keeps_every_row_in_one_file(
    ledger: Ledger, entry: Callable[..., Pull], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulls_module, "COMPACT_EVERY", 10)
    entered = [entry(scope=n % 3) for n in range(12)]
    for pull in entered:
        ledger.append(pull)
    assert ledger.all() == entered
    assert Ledger(ledger.uri).all() == entered
    # Ten commits made one file, compaction is another commit, and two followed.
    assert len(DeltaTable(ledger.uri).file_uris()) == 3
    assert DeltaTable(ledger.uri).version() == 13


def test_compaction_removes_expired_log_files(
    ledger: Ledger, entry: Callable[..., Pull], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is listed whenever the pull log is opened."""
    monkeypatch.setattr(pulls_module, "COMPACT_EVERY", 109)
    entered = [entry() for _ in range(109)]
    for pull in entered[:-1]:
        ledger.append(pull)
    log = Path(ledger.uri, "_delta_log")
    two_days_ago = time.time() - 2 * 86_400
    for commit in log.glob("*.json"):
        os.utime(commit, (two_days_ago, two_days_ago))
    ledger.append(entered[-1])
    # Up to the checkpoint, which is written every hundred commits.
    assert not (log / f"{50:020}.json").exists()
    assert Ledger(ledger.uri).all() == entered


def test_entries_are_ordered_by_time_for_any_order_of_files(
    ledger: Ledger, entry: Callable[..., Pull]
) -> None:
    one, two, three = entry(), entry(), entry()
    for pull in (three, one, two):
        ledger.append(pull)
    assert [p.pull_id for p in Ledger(ledger.uri).all()] == [one.pull_id, two.pull_id, three.pull_id]


def test_empty_response_is_a_response_and_a_failure_is_not(entry: Callable[..., Pull]) -> None:
    assert [entry(outcome).is_answer for outcome in Outcome] == [o is not Outcome.FAILED for o in Outcome]
