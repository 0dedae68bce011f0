"""The tables of `f1 status` about seasons of sources that have no sessions.

Does not belong here: sessions and the state of the lake (status.py), and what is due (`Source.partitions`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from f1_lakehouse.cli.tables import named_endpoints

if TYPE_CHECKING:
    from rich.console import Console

    from f1_lakehouse.lakehouse import Lake
    from f1_lakehouse.sources.source import Source


def print_seasons(console: Console, lake: Lake, source: Source, now: datetime, *, is_long: bool) -> None:
    """Seasons of a source that were pulled: resources, rounds, rows, and what is due.

    Unless `is_long`, consecutive seasons without anything due or failed share a row.
    """
    from rich.table import Table

    rows = _season_rows(lake, source, now)
    if not rows:
        return
    table = Table(title=source.title, title_justify="left")
    for name in ("season", "resources", "rounds", "rows", "last pull (UTC)", "due", "failed"):
        table.add_column(name, justify="left" if name in ("season", "due", "failed") else "right")
    for group in _groups(rows, is_long=is_long):
        table.add_row(*_joined(group))
    console.print(table)


class _SeasonRow(NamedTuple):
    """A season as the table has it; season 0 has the resources without a season. `rounds`: those with rows."""

    season: int
    resources: int
    rounds: int
    rows: int
    pulled_at: datetime | None
    due: str
    failed: str

    @property
    def is_plain(self) -> bool:
        """Whether it can share a row with its neighbours."""
        return bool(self.season) and not (self.due or self.failed)


def _season_rows(lake: Lake, source: Source, now: datetime) -> list[_SeasonRow]:
    """One row per season that was pulled, in order."""
    from f1_lakehouse.sources.catalog import Scope

    log, endpoints = lake.bronze.pull_log, source.by_name
    by_season: dict[int, list[tuple[str, int]]] = {}
    for name, key in log.scopes():
        if name in endpoints:
            by_season.setdefault(log.of(name, key)[-1].season, []).append((name, key))
    known = sorted(season for season in by_season if season)
    work = source.partitions.due(lake, now, scopes={Scope.ALL, Scope.SEASON}, seasons=known, followed=())
    waiting = {one.partition.key: f"{one.why}: {named_endpoints(one.endpoints)}" for one in work}
    found = []
    for season, here in sorted(by_season.items()):
        current = [t for name, key in here if (t := log.current_pull(name, key)) is not None and t.rows]
        answers = [a for name, key in here if (a := log.last_answer(name, key)) is not None]
        found.append(
            _SeasonRow(
                season=season,
                resources=len(
                    {a.endpoint for a in answers if endpoints[a.endpoint].scope is not Scope.ROUND}
                ),
                rounds=len({t.scope for t in current if endpoints[t.endpoint].scope is Scope.ROUND}),
                rows=sum(t.rows for t in current),
                pulled_at=max((a.at for a in answers), default=None),
                due=waiting.get(season, ""),
                failed=", ".join(name for name, key in here if not log.of(name, key)[-1].is_answer),
            )
        )
    return found


def _joined(rows: Sequence[_SeasonRow]) -> list[str]:
    """The cells of one season, or of several as one row."""
    first, last = rows[0], rows[-1]
    pulled_at = max((one.pulled_at for one in rows if one.pulled_at), default=None)
    resources = [one.resources for one in rows]
    return [
        _range(first.season, last.season) if first.season else "all",
        _range(min(resources), max(resources)),
        str(sum(one.rounds for one in rows)),
        f"{sum(one.rows for one in rows):,}",
        f"{pulled_at:%Y-%m-%d %H:%M}" if pulled_at else "never",
        first.due,
        first.failed,
    ]


def _range(first: int, last: int) -> str:
    return f"{first}" if first == last else f"{first}-{last}"


def _groups(rows: Sequence[_SeasonRow], *, is_long: bool) -> Iterator[list[_SeasonRow]]:
    """The rows that are shown as one: consecutive seasons without anything due or failed."""
    group: list[_SeasonRow] = []
    for one in rows:
        joins = (
            group
            and not is_long
            and group[-1].is_plain
            and one.is_plain
            and one.season == group[-1].season + 1
        )
        if group and not joins:
            yield group
            group = []
        group.append(one)
    yield group
