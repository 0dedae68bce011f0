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
from f1_lakehouse.storage.pull_log import SCHEMA, BronzeError, Outcome, Pull, PullLog

NOON = datetime(2024, 9, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def pull_log(tmp_path: Path) -> PullLog:
    DeltaTable.create(str(tmp_path), schema=SCHEMA, configuration=PULL_LOG_PROPERTIES)
    return PullLog(str(tmp_path))


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


def test_entry_is_read_as_it_was_written(pull_log: PullLog, entry: Callable[..., Pull]) -> None:
    one = entry(why="first pull", error="e", added_columns="{}", delta_version=3, bytes=2**40, seconds=0.25)
    assert pull_log.append(one) == one
    assert PullLog(pull_log.uri).all() == [one]


def test_pull_log_of_an_older_version_gets_the_error_columns(
    tmp_path: Path, entry: Callable[..., Pull]
) -> None:
    older = pa.schema([field for field in SCHEMA if not field.name.startswith("error_")])
    uri = f"{tmp_path}/_pulls"
    DeltaTable.create(uri, schema=older, configuration=PULL_LOG_PROPERTIES)
    failed = entry(Outcome.FAILED, None, error="OutageError: down (http://x); run again later")
    write_deltalake(uri, pa.Table.from_pylist([asdict(failed)], older), mode="append")
    assert PullLog(uri).all() == [failed]  # read before the first entry
    assert with_columns(scan(DeltaTable(uri)), SCHEMA).to_table()["error_cause"].to_pylist() == [None]

    bronze = Bronze(str(tmp_path))
    bronze.create()
    later = entry(Outcome.FAILED, None, error_type="OutageError", error_cause="down", error_url="http://x")
    bronze.pull_log.append(later)
    assert PullLog(uri).all() == [failed, later]
    assert (failed.error_type, later.error_type) == (None, "OutageError")


def test_partition_without_a_response_has_no_current_pull(
    pull_log: PullLog, entry: Callable[..., Pull]
) -> None:
    assert pull_log.current_pull("laps", 9606) is None
    pull_log.append(entry(Outcome.FAILED, None))
    assert pull_log.current_pull("laps", 9606) is None
    assert pull_log.last_answer("laps", 9606) is None
    assert pull_log.scopes() == [("laps", 9606)]


def test_current_pull_is_that_of_the_last_response(pull_log: PullLog, entry: Callable[..., Pull]) -> None:
    first, second = entry(), entry()
    pull_log.append(first)
    assert pull_log.current_pull("laps", 9606) == first
    pull_log.append(second)
    assert pull_log.current_pull("laps", 9606) == second
    for outcome in (Outcome.UNCHANGED, Outcome.EMPTY_UNCONFIRMED, Outcome.FAILED):
        pull_log.append(entry(outcome, second.pull_id))
        assert pull_log.current_pull("laps", 9606) == second
    emptied = entry(Outcome.EMPTIED, rows=0)
    pull_log.append(emptied)
    assert pull_log.current_pull("laps", 9606) == emptied


def test_versions_of_endpoints_change_with_their_current_pulls(
    pull_log: PullLog, entry: Callable[..., Pull]
) -> None:
    assert pull_log.versions() == {}
    first = entry()
    for one in (first, entry(endpoint="weather"), entry(endpoint="weather", scope=9607)):
        pull_log.append(one)
    versions = pull_log.versions()
    assert versions.keys() == {"laps", "weather"}
    # Unchanged, or not accepted: the rows are still those of the first pull.
    for outcome in (Outcome.UNCHANGED, Outcome.EMPTY_UNCONFIRMED, Outcome.FAILED):
        pull_log.append(entry(outcome, first.pull_id))
        assert pull_log.versions() == versions
    # Logged later, but of an earlier time, as by a process that was suspended: no comparison of times would find it.
    pull_log.append(entry(endpoint="weather", scope=9608, at=NOON - timedelta(days=1)))
    assert pull_log.versions()["weather"] != versions["weather"]
    assert pull_log.versions()["laps"] == versions["laps"]
    pull_log.append(entry(Outcome.EMPTIED, rows=0))
    assert pull_log.versions()["laps"] != versions["laps"]


def test_failed_pull_that_was_resumed_is_current(pull_log: PullLog, entry: Callable[..., Pull]) -> None:
    pull_log.append(entry(Outcome.FAILED, None, pull_id="p"))
    assert not pull_log.holds("p", "laps", 9606)
    done = entry(pull_id="p", current="p")
    pull_log.append(done)
    pull_log.append(entry(Outcome.UNCHANGED, "p"))
    assert pull_log.current_pull("laps", 9606) == done
    assert pull_log.holds("p", "laps", 9606)


def test_response_is_logged_once(pull_log: PullLog, entry: Callable[..., Pull]) -> None:
    one = entry()
    pull_log.append(one)
    assert PullLog(pull_log.uri).append(entry(pull_id=one.pull_id, run_id="another")) == one
    assert PullLog(pull_log.uri).all() == [one]


def test_version_changes_only_with_a_current_pull(pull_log: PullLog, entry: Callable[..., Pull]) -> None:
    versions = [pull_log.version()]
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
        pull_log.append(pull)
        assert (pull_log.version() != versions[-1]) is changes, pull.outcome
        assert pull_log.version() == PullLog(pull_log.uri).version()
        versions.append(pull_log.version())
    assert len(set(versions)) == 1 + sum(changes for _, changes in steps)


def test_entries_of_another_process_are_read(pull_log: PullLog, entry: Callable[..., Pull]) -> None:
    assert pull_log.all() == []
    other = PullLog(pull_log.uri)
    one = entry()
    other.append(one)
    assert pull_log.all() == [one]
    assert pull_log.of("laps", 9606) == [one]


@pytest.mark.parametrize("entries", [1, 3, 5])
def test_recreated_pull_log_is_read_again(
    pull_log: PullLog, entry: Callable[..., Pull], tmp_path: Path, entries: int
) -> None:
    for _ in range(3):
        pull_log.append(entry())
    shutil.rmtree(tmp_path)
    with pytest.raises(BronzeError, match="cannot be read"):
        pull_log.all()
    DeltaTable.create(str(tmp_path), schema=SCHEMA)
    found = [PullLog(pull_log.uri).append(entry(scope=n)) for n in range(entries)]
    assert pull_log.all() == found
    assert pull_log.of("laps", 9606) == []


def test_interleaved_entries_of_two_processes_are_read_by_both(
    pull_log: PullLog, entry: Callable[..., Pull], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = pull_log, PullLog(pull_log.uri)
    entered = [(one, other)[n % 2].append(entry()) for n in range(6)]
    assert one.all() == other.all() == entered
    monkeypatch.setattr(pulls_module, "scan", lambda _: pytest.fail("what was entered is known"))
    entered.append(one.append(entry(scope=1)))
    assert one.all() == entered


def test_unchanged_table_is_not_read_again(
    pull_log: PullLog, entry: Callable[..., Pull], monkeypatch: pytest.MonkeyPatch
) -> None:
    pull_log.append(entry())
    pull_log.all()
    monkeypatch.setattr(pulls_module, "scan", lambda _: pytest.fail("read again"))
    assert len(pull_log.all()) == 1


def test_compaction_keeps_every_row_in_one_file(
    pull_log: PullLog, entry: Callable[..., Pull], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulls_module, "COMPACT_EVERY", 10)
    entered = [entry(scope=n % 3) for n in range(12)]
    for pull in entered:
        pull_log.append(pull)
    assert pull_log.all() == entered
    assert PullLog(pull_log.uri).all() == entered
    # Ten commits made one file, compaction is another commit, and two followed.
    assert len(DeltaTable(pull_log.uri).file_uris()) == 3
    assert DeltaTable(pull_log.uri).version() == 13


def test_compaction_removes_expired_log_files(
    pull_log: PullLog, entry: Callable[..., Pull], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is listed whenever the pull log is opened."""
    monkeypatch.setattr(pulls_module, "COMPACT_EVERY", 109)
    entered = [entry() for _ in range(109)]
    for pull in entered[:-1]:
        pull_log.append(pull)
    log = Path(pull_log.uri, "_delta_log")
    two_days_ago = time.time() - 2 * 86_400
    for commit in log.glob("*.json"):
        os.utime(commit, (two_days_ago, two_days_ago))
    pull_log.append(entered[-1])
    # Up to the checkpoint, which is written every hundred commits.
    assert not (log / f"{50:020}.json").exists()
    assert PullLog(pull_log.uri).all() == entered


def test_entries_are_ordered_by_time_for_any_order_of_files(
    pull_log: PullLog, entry: Callable[..., Pull]
) -> None:
    one, two, three = entry(), entry(), entry()
    for pull in (three, one, two):
        pull_log.append(pull)
    assert [p.pull_id for p in PullLog(pull_log.uri).all()] == [one.pull_id, two.pull_id, three.pull_id]


def test_empty_response_is_a_response_and_a_failure_is_not(entry: Callable[..., Pull]) -> None:
    assert [entry(outcome).is_answer for outcome in Outcome] == [o is not Outcome.FAILED for o in Outcome]
