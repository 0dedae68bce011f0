"""Partitions as integers and names, and seasons as people write them."""

import pytest

from f1_lakehouse.sources.catalog import Scope
from f1_lakehouse.sources.jolpica.partitions import (
    partition_name,
    partition_of_name,
    round_partition,
    scope_of,
    season_and_round,
    season_of,
)


@pytest.mark.parametrize(
    ("partition", "scope", "season"),
    [(0, Scope.ALL, 0), (1950, Scope.SEASON, 1950), (202405, Scope.ROUND, 2024)],
)
def test_partition_says_what_it_covers(partition: int, scope: Scope, season: int) -> None:
    assert (scope_of(partition), season_of(partition)) == (scope, season)


def test_round_has_a_partition_and_a_name_that_lead_back_to_it() -> None:
    partition = round_partition(2024, 6)
    assert (partition, season_and_round(partition)) == (202406, (2024, 6))
    name = partition_name(partition, "São Paulo Grand Prix")
    assert name == "2024-06-sao-paulo-grand-prix-202406"
    assert partition_of_name(name) == partition
    assert partition_of_name(partition_name(partition, "")) == partition


@pytest.mark.parametrize("partition", [-1, 1, 1949, 2101, 9606, 194901, 202400, 1955099])
def test_other_numbers_are_no_partitions(partition: int) -> None:
    with pytest.raises(ValueError, match="no round"):
        scope_of(partition)
