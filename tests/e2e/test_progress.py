"""Progress of a load on a pseudo-terminal: no Dagster, no lake, no network."""

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from rich.console import Console
from terminal import WIDTH, Terminal

from f1_lakehouse.cli.progress import LoadProgress
from f1_lakehouse.cli.summary import print_checks
from f1_lakehouse.dbt.data_tests import run_data_tests
from f1_lakehouse.observability.run_log import CheckResult
from f1_lakehouse.settings import Settings

log = logging.getLogger("f1_lakehouse.sources.openf1.client")
URL = "http://127.0.0.1:9/v1/laps?session_key=1"


class Clock:
    """A clock that the test advances."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
def progress(
    terminal: Terminal, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LoadProgress]:
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(tmp_path / "lake"))
    with os.fdopen(os.dup(terminal.slave), "w", buffering=1) as out:
        yield LoadProgress(Console(file=out, force_terminal=True, width=WIDTH, height=30), clock)


def wait(seconds: float) -> None:
    log.info("waiting", extra={"event": "wait", "url": URL, "seconds": seconds})


def test_a_wait_is_counted_down_and_then_removed(progress: LoadProgress, clock: Clock) -> None:
    with progress:
        wait(20.0)
        seen = []
        for _ in range(22):
            seen.append(progress.detail())
            clock.now += 1
        assert seen[:2] == ["rate limit: next request in 20 s", "rate limit: next request in 19 s"]
        assert seen[19] == "rate limit: next request in 1 s"
        assert seen[20:] == ["", ""]
        wait(5.0)
        log.info("200", extra={"event": "request", "url": URL})
        assert progress.detail() == ""


def test_a_retry_shows_its_cause_and_time(progress: LoadProgress) -> None:
    with progress:
        log.info("503", extra={"event": "retry", "url": URL, "seconds": 4.0, "cause": "OpenF1 answered 503"})
        assert progress.detail() == "OpenF1 answered 503: retry in 4 s"


def test_the_bar_is_refreshed_without_log_records(
    progress: LoadProgress, terminal: Terminal, clock: Clock
) -> None:
    with progress:
        wait(20.0)
        progress._progress.refresh()
        clock.now += 7
        progress._progress.refresh()  # rich's thread does it four times a second
    progress._console.file.close()
    terminal.close()
    bars = [
        line
        for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", terminal.text))
        if "━" in line
    ]
    assert bars
    assert max(map(len, bars)) <= WIDTH - 3, "^C is printed after the bar and must not wrap the line"
    assert "next request in 20 s" in terminal.text
    assert "next request in 13 s" in terminal.text


def test_table_whose_data_tests_run_is_shown(progress: LoadProgress, tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(warehouse)) as con:
        con.execute("create table laps as select 1 as lap; create table best as select 1 as lap")
    models = {"model.f1.laps": [], "model.f1.best": ["model.f1.laps"]}
    nodes = {
        name: {"resource_type": "model", "depends_on": {"nodes": parents}} for name, parents in models.items()
    }
    config = {
        "severity": "error",
        "limit": None,
        "fail_calc": "count(*)",
        "warn_if": "!= 0",
        "error_if": "!= 0",
    }
    tests = [
        {
            "database": "warehouse",
            "schema": "failures",
            "alias": f"laps_of_{table}_are_counted_from_1",
            "compiled_code": f"select * from {table} where lap < 1",
            "config": config,
            "depends_on": {"nodes": [f"model.f1.{table}"]},
        }
        for table in ("best", "laps")
    ]
    with progress:
        shown = [
            (progress.detail(), result.status)
            for result in run_data_tests({"nodes": nodes}, warehouse, tests, [])
        ]
    assert shown == [("data tests of laps", "pass"), ("data tests of best", "pass")]


def test_log_lines_are_printed_above_the_bar_and_the_bar_is_removed_at_the_end(
    progress: LoadProgress, terminal: Terminal
) -> None:
    lines = [f"line {number} [of] many {'x' * 40}" for number in range(5)]
    with progress:
        for line in lines:
            log.warning("%s", line)
            progress._progress.refresh()
            log.info("dbt", extra={"event": "dbt"})
        print("a library prints", flush=True)
        logging.getLogger("f1_lakehouse").warning("the last one")
    progress._console.file.close()
    terminal.close()
    shown = [line for line in terminal.shown() if line]
    assert shown == [*lines, "a library prints", "the last one"]


def failing(check: str, asset: str, partition: str | None, severity: str = "WARN") -> CheckResult:
    return CheckResult(asset, check, partition, False, severity, "2 rows")


def test_failed_checks_are_listed_once_for_all_sessions(capsys: pytest.CaptureFixture[str]) -> None:
    described = {("bronze/pit", "duplicates"): "No two rows have the same key"}
    failed = [failing("duplicates", "bronze/pit", f"session-{n}") for n in range(5)]
    failed.append(failing("laps_are_positive", "gold/fact_laps", None, "ERROR"))
    print_checks(failed, 100, Settings(), lambda: described)
    assert capsys.readouterr().err.splitlines() == [
        "checks: 94 of 100 passed",
        "  failed: gold/fact_laps laps_are_positive (2 rows)",
        "    expected: laps are positive. First step: f1 ui shows the rows; see docs/runbook.md",
        "  warning: bronze/pit duplicates (5 sessions)",
        "    expected: No two rows have the same key. First step: nothing to do",
    ]
