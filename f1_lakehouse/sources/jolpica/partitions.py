"""What one pull of Jolpica covers, as the integer that the pull log and the landing zone use.

    0        resources that are pulled completely (seasons, circuits, constructors, drivers, status)
    2024     a season
    202405   a round of a season

Belongs here: conversions between these integers, seasons and names of partitions. When one is due: pull_policy.py.
"""

import unicodedata

from f1_lakehouse.sources.catalog import Scope

WHOLE = 0
"""The partition of a resource that is pulled completely."""
FIRST_SEASON = 1950
LAST_SEASON = 2100
MAX_ROUNDS = 99
SLUG_LENGTH = 80
"""Characters of the race's name in the name of a partition, which is also a name of files and tags."""


def round_partition(season: int, number: int) -> int:
    """The partition of a round, for example 202405. Raises ValueError if it is not a season and a round."""
    if not (FIRST_SEASON <= season <= LAST_SEASON and 1 <= number <= MAX_ROUNDS):
        raise ValueError(f"no round of a championship: season {season}, round {number}")
    return season * 100 + number


def season_and_round(partition: int) -> tuple[int, int]:
    """The season and round of a round's partition. Raises ValueError if it is none."""
    season, number = divmod(partition, 100)
    if round_partition(season, number) != partition:  # pragma: no cover - round_partition raises first
        raise ValueError(f"not the partition of a round: {partition}")
    return season, number


def scope_of(partition: int) -> Scope:
    """What a partition covers. Raises ValueError if it is no partition of Jolpica."""
    if partition == WHOLE:
        return Scope.ALL
    if FIRST_SEASON <= partition <= LAST_SEASON:
        return Scope.SEASON
    season_and_round(partition)
    return Scope.ROUND


def season_of(partition: int) -> int:
    """The season of a partition, which is also the partition column of its bronze table; 0 for a resource without one."""
    scope = scope_of(partition)
    if scope is Scope.ROUND:
        return season_and_round(partition)[0]
    return partition


def partition_name(partition: int, race_name: str) -> str:
    """The name of a round's partition, for example 2024-06-miami-grand-prix-202406; the last number identifies it."""
    season, number = season_and_round(partition)
    plain = unicodedata.normalize("NFKD", race_name).encode("ascii", "ignore").decode().lower()
    slug = "-".join("".join(c if c.isalnum() else " " for c in plain).split())[:SLUG_LENGTH]
    return "-".join(part for part in (f"{season}", f"{number:02d}", slug, f"{partition}") if part)


def partition_of_name(name: str) -> int:
    """The round's partition in its name. Raises ValueError if the name has none."""
    partition = int(name.rsplit("-", 1)[-1])
    season_and_round(partition)
    return partition
