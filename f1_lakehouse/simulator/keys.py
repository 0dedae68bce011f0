"""The keys of generated meetings and sessions, by which whoever has a row can tell that it was made up.

A key goes wherever the rows go: through landing, bronze, silver and gold, a backup, a promotion, a rebuild. Keys of OpenF1
grow by some 1,000 to 1,500 a season and were below 12,000 in 2026: they do not reach those of here.
"""

from collections.abc import Iterable

GENERATED = range(2_000_000, 2_100_000)
"""Keys of generated sessions: season, round, and place in the weekend, as in 2025015."""


def meeting_key(season: int, round_number: int) -> int:
    """The key of a generated meeting, 202501."""
    return season * 100 + round_number


def session_key(meeting: int, place: int) -> int:
    """The key of the n-th session of a generated meeting, 2025015."""
    return meeting * 10 + place


def generated(keys: Iterable[int]) -> set[int]:
    """Those of some session keys that are of generated sessions."""
    return {key for key in keys if key in GENERATED}
