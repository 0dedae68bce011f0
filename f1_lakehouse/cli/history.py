"""`f1 history`: the pulls of a bronze table and their changes, the change feed, an earlier version. Changes nothing.

Does not belong here: how changes are computed (operations/history.py).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from f1_lakehouse.cli.command import Command
from f1_lakehouse.cli.lake_folder import lake_settings
from f1_lakehouse.counts import counted

if TYPE_CHECKING:
    import polars as pl

    from f1_lakehouse.operations.history import Step
    from f1_lakehouse.settings import Settings

MAX_ROWS_SHOWN = 40
"""Rows that a table on a terminal shows; `--json` prints all."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("table", metavar="TABLE")
    parser.add_argument("--session", type=int, metavar="KEY", help="only one session (or season)")
    parser.add_argument("--changes", action="store_true", help="show every inserted, updated and deleted row")
    parser.add_argument("--since", metavar="TIME", help="only pulls after this time (UTC)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--version", dest="as_of", type=int, metavar="N", help="show the rows of a version of the table"
    )
    what.add_argument("--at", metavar="TIME", help="show the rows at this time (UTC)")
    what.add_argument(
        "--diff",
        type=int,
        nargs=2,
        metavar=("A", "B"),
        help="show the rows that changed from version A to B",
    )
    parser.add_argument("--json", action="store_true", help="JSON, one row per line")


def _history(given: argparse.Namespace) -> int:
    settings = lake_settings()
    diff = (given.diff[0], given.diff[1]) if given.diff else None
    request = HistoryRequest(
        given.table, given.session, given.changes, given.since, given.as_of, given.at, diff, given.json
    )
    return print_history(settings, request)


class HistoryRequest(NamedTuple):
    """The part of a table's history to print; `at`, `since`: a time as text, UTC unless it has an offset."""

    table: str
    session: int | None = None
    changes: bool = False
    since: str | None = None
    version: int | None = None
    at: str | None = None
    diff: tuple[int, int] | None = None
    json: bool = False


def print_history(settings: Settings, request: HistoryRequest) -> int:
    """Print the requested part of the history; the exit code.

    Raises:
        HistoryError: the table, the version or the time does not exist.
    """
    import polars as pl

    from f1_lakehouse.cli.progress import working
    from f1_lakehouse.lakehouse import Lake
    from f1_lakehouse.operations.history import Changes

    lake = Lake.open(settings)
    changes = Changes(lake.bronze, lake.landing)
    changes.table(request.table)
    since = moment(request.since) if request.since else None
    if request.diff is not None:
        first, second = request.diff
        found = [frame for _, frame in changes.difference(request.table, first, second, request.session)]
        _print_rows(found, request.json, f"{request.table}: changes from version {first} to version {second}")
    elif request.version is not None or request.at is not None:
        at = moment(request.at) if request.at else None
        rows = changes.rows(request.table, request.session, version=request.version, at=at)
        title = f"{request.table} as of " + (
            f"version {request.version}" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"
        )
        _print_rows([pl.DataFrame(rows)], request.json, title)
    elif request.changes:
        feed = changes.feed(request.table, request.session, since)
        _print_rows(feed, request.json, f"{request.table}: changes, oldest first")
    else:
        with working(f"history of {request.table}") as say:
            steps = []
            for step in changes.steps(request.table, request.session, since):
                say(f"{step.pull.at:%Y-%m-%d} {step.pull.scope}")
                steps.append(step)
        names = {one.key: one.partition for one in lake.calendar()}
        _print_steps(request, steps, names)
    return 0


def moment(text: str) -> datetime:
    """Parse a time given by the user, UTC unless it has an offset. Raises HistoryError."""
    from f1_lakehouse.operations.history import HistoryError

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise HistoryError(f"{text!r} is not a time; write for example 2024-09-22T15:30:00") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _print_steps(request: HistoryRequest, steps: list[Step], names: dict[int, str]) -> None:
    """One row per pull; `names`: session key → partition."""
    if request.json:
        rows = [
            {
                "at": step.pull.at.isoformat(),
                "endpoint": step.pull.endpoint,
                "scope": step.pull.scope,
                "session": names.get(step.pull.scope),
                "outcome": step.pull.outcome,
                "rows": step.after.rows if step.after else 0,
                "added": step.added,
                "changed": step.changed,
                "gone": step.gone,
                "quarantined": step.pull.quarantined,
                "why": step.pull.why,
                "error": step.pull.error,
                "run_id": step.pull.run_id,
                "pull_id": step.pull.pull_id,
                "truth_pull_id": step.pull.truth_pull_id,
                "delta_version": step.pull.delta_version,
            }
            for step in steps
        ]
        _print_json(rows)
        return
    _print_step_table(f"{request.table}: pulls and their changes", steps, names)


def _print_step_table(title: str, steps: list[Step], names: dict[int, str]) -> None:
    from rich.table import Table

    from f1_lakehouse.cli.tables import stdout

    table = Table(title=title, title_justify="left")
    for name in (
        "at (UTC)",
        "session",
        "outcome",
        "rows",
        "added",
        "changed",
        "gone",
        "why",
        "run",
        "version",
    ):
        right = name in ("rows", "added", "changed", "gone", "version")
        table.add_column(
            name, justify="right" if right else "left", no_wrap=name != "why" and name != "outcome"
        )
    for step in steps:
        pull = step.pull
        table.add_row(
            f"{pull.at:%Y-%m-%d %H:%M:%S}",
            names.get(pull.scope, str(pull.scope)),
            pull.outcome + (f": {pull.error}" if pull.error else ""),
            f"{step.after.rows if step.after else 0:,}",
            *(f"{count:,}" if count else "" for count in (step.added, step.changed, step.gone)),
            pull.why or "",
            (pull.run_id or "")[:8],
            "" if pull.delta_version is None else str(pull.delta_version),
        )
    stdout().print(table)


def _print_rows(frames: Iterable[pl.DataFrame], as_json: bool, title: str) -> None:
    """One line of JSON per row, frame by frame; or the number of rows and the first rows as a table."""
    import orjson
    import polars as pl

    shown: list[pl.DataFrame] = []
    count = 0
    kinds: dict[str, int] = {}
    for frame in frames:
        if as_json:
            for row in frame.iter_rows(named=True):
                sys.stdout.buffer.write(orjson.dumps(row) + b"\n")
            continue
        if count < MAX_ROWS_SHOWN and not frame.is_empty():
            shown.append(frame.head(MAX_ROWS_SHOWN - count))
        count += frame.height
        if "change" in frame.columns:
            for kind, n in frame["change"].value_counts().iter_rows():
                kinds[kind] = kinds.get(kind, 0) + n
    if as_json:
        sys.stdout.buffer.flush()
        return
    by_kind = ", ".join(counted(n, kind) for kind, n in sorted(kinds.items()))
    print(f"{title}\n{counted(count, 'row')}" + (f" ({by_kind})" if by_kind else ""))
    if shown:
        with pl.Config(
            tbl_rows=MAX_ROWS_SHOWN,
            tbl_cols=-1,
            tbl_width_chars=10_000,
            tbl_hide_dataframe_shape=True,
            tbl_hide_column_data_types=True,
        ):
            print(pl.concat(shown, how="diagonal_relaxed"))
    if count > MAX_ROWS_SHOWN:
        print(f"… only the first {MAX_ROWS_SHOWN}; --json prints all")


def _print_json(value: object) -> None:
    import orjson

    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
    sys.stdout.buffer.flush()


HISTORY = Command(
    "history",
    "Show the pulls of a bronze table and their changes, or an earlier version",
    _history,
    _add_arguments,
)
