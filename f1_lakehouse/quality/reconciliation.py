"""Reconciliation: does silver have, for each session, the rows of the current pull in bronze?

Only counts are compared; the rules for values are in validation/schemas.py and in dbt's tests. Silver may have fewer rows than bronze
(duplicates and rows without a key are removed) but never more, and it must have rows where bronze has rows with a key.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from f1_lakehouse.storage.pull_log import PullLog


@dataclass(frozen=True)
class Mismatch:
    """A partition (`scope`: session key, or season) whose row counts in bronze and silver contradict each other."""

    endpoint: str
    scope: int
    bronze_rows: int
    silver_rows: int


def reconcile(
    pull_log: PullLog,
    endpoint: str,
    silver: Mapping[int, int],
    keyed_rows: Callable[[int], int],
    seen_at: datetime | None = None,
) -> list[Mismatch]:
    """Compare the current pulls of one endpoint with its silver table.

    Args:
        pull_log: the pull log.
        endpoint: its name.
        silver: rows of the silver table by partition.
        keyed_rows: partition → rows of the current pull that have a complete key; called only where silver has no rows.
        seen_at: pulls that were logged later may or may not be in silver: their partitions are not compared.
    """
    current: dict[int, int] = {}
    newer: set[int] = set()
    for name, scope in pull_log.scopes():
        if name != endpoint:
            continue
        if seen_at is not None and pull_log.of(name, scope)[-1].at > seen_at:
            newer.add(scope)
        if (pull := pull_log.current_pull(name, scope)) is not None:
            current[scope] = pull.rows
    found = []
    for scope in sorted((current.keys() | silver.keys()) - newer):
        expected, there = current.get(scope, 0), silver.get(scope, 0)
        if there > expected or (expected > 0 and there == 0 and keyed_rows(scope) > 0):
            found.append(Mismatch(endpoint, scope, expected, there))
    return found
