"""How many rows a pull of Jolpica has, and whether they are fresh: bounds per race, from the history 1950 to 2025.

Belongs here: expected counts of resources by season and round, and the age of results. Those of OpenF1's sessions are in row_counts.py.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from f1_lakehouse.quality.row_counts import Verdict
from f1_lakehouse.sources.catalog import Endpoint, Scope
from f1_lakehouse.sources.jolpica.calendar import JolpicaPartition, Race

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


def judge_history(
    endpoint: Endpoint, partition: JolpicaPartition, rows: int | None, reason: str = ""
) -> Verdict:
    """Whether a pull has as many rows as can be; `rows` is None for what cannot exist, `reason` then says why."""
    if rows is None:
        return Verdict(True, False, reason)
    low, high = _bounds(endpoint, partition)
    if low <= rows and (high is None or rows <= high):
        return Verdict(True, False, f"{rows} rows")
    expected = f"at least {low}" if high is None else f"{low} to {high}"
    return Verdict(False, False, f"{rows} rows, expected {expected}")


def _bounds(endpoint: Endpoint, partition: JolpicaPartition) -> tuple[int, int | None]:
    over = sum(one.end <= datetime.now(UTC) for one in partition.races)
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
    if not late:
        return Verdict(True, False, "every race that ended more than 48 hours ago has results")
    shown = ", ".join(f"{one.round} ({one.name})" for one in late[:5])
    return Verdict(False, False, f"{len(late)} races without results: {shown}")
