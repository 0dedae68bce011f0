"""The keys of generated meetings and sessions: any row shows by its key that it is generated.

A key stays with its rows in landing, bronze, silver, gold, a backup, a promotion and a rebuild. Keys of OpenF1 grow by 1,000 to
1,500 per season and were below 12,000 in 2026: they do not reach this range.
"""

from collections.abc import Iterable

GENERATED = range(2_000_000, 2_100_000)
"""Keys of generated sessions: season, round, and number in the weekend, as in 2025015."""

GENERATED_MARK = "(generated)"
"""The end of the names of generated races in Jolpica."""


def meeting_key(season: int, round_number: int) -> int:
    """The key of a generated meeting, 202501."""
    return season * 100 + round_number


def session_key(meeting: int, place: int) -> int:
    """The key of the n-th session of a generated meeting, 2025015."""
    return meeting * 10 + place


def generated(keys: Iterable[int]) -> set[int]:
    """Those of some session keys that are of generated sessions."""
    return {key for key in keys if key in GENERATED}


def is_generated(session: int | None, race_name: str | None) -> bool:
    """Whether a race is generated: by the key of its session, or by its name, because Jolpica has no keys of sessions."""
    return bool(generated([session or 0])) or (race_name or "").endswith(GENERATED_MARK)
