"""The partitionings of bronze assets: seasons, and the sessions or rounds of a source."""

from collections.abc import Iterable

import dagster as dg

from f1_lakehouse.sources.catalog import Partition, Scope
from f1_lakehouse.sources.source import Source


def partitions_of(source: Source, scope: Scope) -> dg.PartitionsDefinition | None:
    """Return how endpoints of that scope are partitioned; None if one pull covers everything.

    Definitions that are made twice are equal, as Dagster compares their arguments.
    """
    if scope is Scope.ALL:
        return None
    if scope is Scope.SEASON:
        start = str(source.partitions.first_season)
        return dg.TimeWindowPartitionsDefinition(
            cron_schedule="0 0 1 1 *", start=start, fmt="%Y", end_offset=1
        )
    return dg.DynamicPartitionsDefinition(name=source.dynamic_partitions)


def key_of_partition(name: str) -> int:
    """Return the key of a session or round in the name of its partition."""
    return int(name.rsplit("-", 1)[-1])


def ensure_partitions(
    instance: dg.DagsterInstance, source: Source, found: Iterable[Partition]
) -> dict[int, str]:
    """Return key → name for each session or round; missing partitions are added in the order given.

    A session or round that was postponed or renamed keeps its partition: the key at its end is its identity.
    """
    wanted = {one.key: one.label for one in found}
    existing = instance.get_dynamic_partitions(source.dynamic_partitions)
    names = {key_of_partition(name): name for name in existing}
    if new := [label for key, label in wanted.items() if key not in names]:
        instance.add_dynamic_partitions(source.dynamic_partitions, new)
    return {key: names.get(key, label) for key, label in wanted.items()}
