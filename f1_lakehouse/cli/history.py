"""What was known when, on a terminal: pulls and what they changed, the change feed, a table as it was. Looks only."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
import polars as pl
from rich.table import Table

from f1_lakehouse.cli.progress import working
from f1_lakehouse.cli.tables import stdout
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.operations.history import Changes, HistoryError, Step
from f1_lakehouse.settings import Settings

SHOWN = 40
"""Rows that a table on a terminal shows; `--json` gives all."""


@dataclass(frozen=True)
class Wish:
    """What of a table's history is wanted; `at`, `since`: text of a moment, UTC unless it says otherwise."""

    table: str
    session: int | None = None
    changes: bool = False
    since: str | None = None
    version: int | None = None
    at: str | None = None
    diff: tuple[int, int] | None = None
    json: bool = False


def print_history(settings: Settings, wish: Wish) -> int:
    """Print what is wanted.

    Raises:
        HistoryError: there is no such table, version or moment.
    """
    lake = Lake.open(settings)
    changes = Changes(lake.bronze, lake.landing)
    changes.table(wish.table)
    since = moment(wish.since) if wish.since else None
    if wish.diff is not None:
        first, second = wish.diff
        found = [frame for _, frame in changes.difference(wish.table, first, second, wish.session)]
        _print_rows(
            found, wish.json, f"{wish.table}: what version {second} says and version {first} does not"
        )
    elif wish.version is not None or wish.at is not None:
        at = moment(wish.at) if wish.at else None
        rows = changes.rows(wish.table, wish.session, version=wish.version, at=at)
        title = f"{wish.table} as of " + (
            f"version {wish.version}" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"
        )
        _print_rows([pl.DataFrame(rows)], wish.json, title)
    elif wish.changes:
        feed = changes.feed(wish.table, wish.session, since)
        _print_rows(feed, wish.json, f"{wish.table}: changes, oldest first")
    else:
        with working(f"history of {wish.table}") as say:
            steps = []
            for step in changes.steps(wish.table, wish.session, since):
                say(f"{step.pull.at:%Y-%m-%d} {step.pull.scope}")
                steps.append(step)
        names = {one.key: one.partition for one in lake.calendar()}
        _print_steps(wish, steps, names)
    return 0


def moment(text: str) -> datetime:
    """A moment as a person writes it. Raises HistoryError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise HistoryError(f"{text!r} is no time; write for example 2024-09-22T15:30:00") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _print_steps(wish: Wish, steps: list[Step], names: dict[int, str]) -> None:
    if wish.json:
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
        _json(rows)
        return
    table = Table(title=f"{wish.table}: pulls and what they changed", title_justify="left")
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
    """A line of JSON a row, as they come; or the first rows as a table, and how many there are."""
    shown: list[pl.DataFrame] = []
    count = 0
    kinds: dict[str, int] = {}
    for frame in frames:
        if as_json:
            for row in frame.iter_rows(named=True):
                sys.stdout.buffer.write(orjson.dumps(row) + b"\n")
            continue
        if count < SHOWN and not frame.is_empty():
            shown.append(frame.head(SHOWN - count))
        count += frame.height
        if "change" in frame.columns:
            for kind, n in frame["change"].value_counts().iter_rows():
                kinds[kind] = kinds.get(kind, 0) + n
    if as_json:
        sys.stdout.buffer.flush()
        return
    said = ", ".join(f"{n:,} {kind}s" for kind, n in sorted(kinds.items()))
    print(f"{title}\n{count:,} rows" + (f" ({said})" if said else ""))
    if shown:
        with pl.Config(
            tbl_rows=SHOWN,
            tbl_cols=-1,
            tbl_width_chars=10_000,
            tbl_hide_dataframe_shape=True,
            tbl_hide_column_data_types=True,
        ):
            print(pl.concat(shown, how="diagonal_relaxed"))
    if count > SHOWN:
        print(f"… the first {SHOWN}; all of them with --json")


def _json(value: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
    sys.stdout.buffer.flush()
