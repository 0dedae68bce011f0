"""The run log: entries are read as written and never deleted, and commands are logged however they end."""

import json
from datetime import timedelta

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from observability_parts import NOW, check, pull, run

from f1_lakehouse.cli.query import QueryError, run_query
from f1_lakehouse.observability import run_log as module
from f1_lakehouse.observability.run_log import (
    LONGEST_ERROR,
    RunLog,
    code_version,
    failing,
    on_record,
    one_line,
)
from f1_lakehouse.storage import append_only_log

HOUR = timedelta(hours=1)


@pytest.fixture
def runs(tmp_path):
    return RunLog(str(tmp_path / "metrics" / "runs"))


def test_entries_are_read_in_the_order_of_their_end(runs, tmp_path):
    last = run("transform", HOUR, "failure", errors=["a", "b"], seen_at=NOW, gold="{}", checks=[check(False)])
    first = run("ingest", 2 * HOUR, partition="2024-09-22-marina-bay-race-9606", requests=3)
    runs.append([last])
    runs.append([first])
    assert runs.all() == [first, last]
    assert RunLog(str(tmp_path / "metrics" / "runs")).of("ingest") == [first]


def test_run_log_rows_cannot_be_deleted(runs, tmp_path):
    runs.append([run("ingest", HOUR)])
    with pytest.raises(DeltaError, match="append"):
        DeltaTable(str(tmp_path / "metrics" / "runs")).delete()


def test_many_entries_are_compacted(runs, tmp_path, monkeypatch):
    assert append_only_log.COMPACT_EVERY <= 100
    monkeypatch.setattr(append_only_log, "COMPACT_EVERY", 10)
    for n in range(11):
        runs.append([run("ingest", n * HOUR)])
    assert len(DeltaTable(str(tmp_path / "metrics" / "runs")).file_uris()) <= 2
    assert len(runs.all()) == 11


def test_run_entry_sums_its_own_pulls():
    pulls = [
        pull(
            "laps",
            HOUR,
            run_id="ingest-1",
            rows=10,
            requests=1,
            retries=2,
            bytes=5,
            waited_s=0.5,
            quarantined=1,
        ),
        pull("weather", HOUR, "503", run_id="ingest-1", requests=0),
        pull("laps", HOUR, run_id="another", rows=99),
    ]
    mine = type(run("x", HOUR))(**{**run("ingest", HOUR).__dict__, "run_id": "ingest-1"}).with_pulls(pulls)
    assert (mine.pulls, mine.failed_pulls, mine.sessions, mine.rows, mine.requests) == (2, 1, 1, 10, 1)
    assert (mine.retries, mine.bytes, mine.waited_s, mine.quarantined) == (2, 5, 0.5, 1)


def test_check_fails_since_its_first_failing_run():
    entries = [
        run("transform", 3 * HOUR, checks=[check(False)]),
        run("transform", 2 * HOUR, checks=[check(True)]),
        run("transform", HOUR, checks=[check(False)]),
        run("transform", timedelta(), checks=[check(False)]),
    ]
    assert [since for _, since in failing(entries).values()] == [NOW - HOUR]
    assert failing(entries[:2]) == {}


@pytest.mark.parametrize(("code", "outcome"), [(0, "success"), (1, "failure")])
def test_command_is_logged_with_its_outcome(runs, code, outcome):
    assert on_record(runs, "restore", lambda: code) == code
    [entry] = runs.all()
    assert (entry.job, entry.outcome, entry.user) == ("f1 restore", outcome, module.user())
    assert entry.origin == module.command()


@pytest.mark.parametrize(
    ("error", "outcome", "errors"),
    [(ValueError("no\nsuch"), "failure", ["no such"]), (KeyboardInterrupt(), "canceled", [])],
)
def test_failed_or_interrupted_command_is_logged(runs, error, outcome, errors):
    def do():
        raise error

    with pytest.raises(type(error)):
        on_record(runs, "restore", do)
    [entry] = runs.all()
    assert (entry.outcome, entry.errors) == (outcome, errors)


def test_code_version_has_version_and_commit():
    assert code_version().startswith("0.")


def test_error_is_logged_as_one_line_of_bounded_length():
    assert one_line("a\n  b") == "a b"
    assert len(one_line("x" * 10_000)) == LONGEST_ERROR


def test_run_log_can_be_queried_without_published_gold_and_without_rows(settings, capfdbinary):
    RunLog(f"{settings.records}/runs").append([run("ingest", HOUR)])
    assert run_query(settings, "select job from runs", "json") == 0
    assert json.loads(capfdbinary.readouterr().out) == [{"job": "ingest"}]
    assert run_query(settings, "select count(*) as n from alerts", "json") == 0
    assert json.loads(capfdbinary.readouterr().out) == [{"n": 0}]
    with pytest.raises(QueryError, match="nothing is published yet"):
        run_query(settings, "from fact_laps", "json")
