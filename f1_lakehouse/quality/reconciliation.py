"""Reconciliation: does silver hold, session by session, what the ledger says bronze's truth is?

Counts only; what a row must look like is in validation/schemas.py and in dbt's tests. Silver may have fewer rows than bronze
(duplicates collapse, rows without a key are left out), never more, and some where bronze has some with a key.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from f1_lakehouse.storage.pull_log import Ledger


@dataclass(frozen=True)
class Mismatch:
    """A scope (session key, or season) whose counts cannot both be right."""

    endpoint: str
    scope: int
    bronze_rows: int
    silver_rows: int


def reconcile(
    ledger: Ledger,
    endpoint: str,
    silver: Mapping[int, int],
    keyed_rows: Callable[[int], int],
    seen_at: datetime | None = None,
) -> list[Mismatch]:
    """Compare one endpoint's truth with its silver table.

    Args:
        ledger: the ledger of pulls.
        endpoint: which.
        silver: rows of the silver table by scope.
        keyed_rows: scope → rows of bronze's truth that have a whole key; asked only where silver has none.
        seen_at: pulls that were entered later may or may not be in silver: their scopes are left to the next build.
    """
    truth: dict[int, int] = {}
    newer: set[int] = set()
    for name, scope in ledger.scopes():
        if name != endpoint:
            continue
        if seen_at is not None and ledger.of(name, scope)[-1].at > seen_at:
            newer.add(scope)
        if (pull := ledger.truth(name, scope)) is not None:
            truth[scope] = pull.rows
    found = []
    for scope in sorted((truth.keys() | silver.keys()) - newer):
        expected, there = truth.get(scope, 0), silver.get(scope, 0)
        if there > expected or (expected > 0 and there == 0 and keyed_rows(scope) > 0):
            found.append(Mismatch(endpoint, scope, expected, there))
    return found
