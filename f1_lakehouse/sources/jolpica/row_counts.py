"""How many rows a pull of Jolpica has, and whether they are fresh: bounds per race, from the history 1950 to 2025.

Belongs here: expected counts of resources by season and round, and the age of results.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from f1_lakehouse.counts import counted
from f1_lakehouse.sources.catalog import Endpoint, Scope
from f1_lakehouse.sources.jolpica.calendar import JolpicaPartition, Race
from f1_lakehouse.sources.source import Verdict

PER_RACE: Mapping[str, tuple[int, int]] = {
    "jolpica_results": (10, 110),
    "jolpica_qualifying": (0, 40),
    "jolpica_sprint": (0, 24),
}
"""Rows per race that has ended. Qualifying of 1994 to 2002 is incomplete; few weekends have a sprint."""
PER_ROUND: Mapping[str, tuple[int, int]] = {"jolpica_laps": (20, 3000), "jolpica_pitstops": (0, 200)}
RACES = (1, 30)
RESULTS_WITHIN = timedelta(hours=48)
"""After the end of a race; volunteers type the results in within hours."""


def judge_rows(endpoint: Endpoint, partition: JolpicaPartition, rows: int, now: datetime) -> Verdict:
    """Whether a pull has as many rows as can be."""
    low, high = _bounds(endpoint, partition, now)
    numbers = {"rows": rows}
    if low <= rows and (high is None or rows <= high):
        return Verdict(True, False, counted(rows, "row"), numbers)
    expected = f"at least {low}" if high is None else f"{low} to {high}"
    return Verdict(False, False, f"{counted(rows, 'row')}, expected {expected}", numbers)


def _bounds(endpoint: Endpoint, partition: JolpicaPartition, now: datetime) -> tuple[int, int | None]:
    over = sum(one.end <= now for one in partition.races)
    if endpoint.scope is Scope.ALL:
        return 1, None
    if endpoint.name == "jolpica_races":
        return RACES
    if endpoint.scope is Scope.ROUND:
        return PER_ROUND[endpoint.name]
    if endpoint.name in PER_RACE and over:
        low, high = PER_RACE[endpoint.name]
        # The newest race may not be typed in yet.
        return low * max(0, over - 1), high * over
    return (1 if over > 1 else 0), None


def judge_results(races: Sequence[Race], rounds: Collection[int], now: datetime) -> Verdict:
    """Whether each race of a season that ended more than 48 hours ago has results; `rounds` are those that have."""
    late = [one for one in sorted(races) if one.end + RESULTS_WITHIN <= now and one.round not in rounds]
    numbers = {"races_without_results": len(late)}
    if not late:
        return Verdict(True, False, "every race that ended more than 48 hours ago has results", numbers)
    shown = ", ".join(f"{one.round} ({one.name})" for one in late[:5])
    return Verdict(False, False, f"{counted(len(late), 'race')} without results: {shown}", numbers)
