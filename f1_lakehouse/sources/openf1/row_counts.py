"""The number of rows that a session of a category should have, and what another number means.

The ranges are derived from 242 recorded sessions of 2024 and 2025 (laps, weather, position, intervals and telemetry: races only), widened
by half on both sides so that a red-flagged race or a wet qualifying causes no warning. Ranges of categories without recorded rows follow
from the sporting regulations (one hour of practice, three qualifying segments).

For most endpoints, a session may have no rows at all; for the critical ones of a finished race or sprint that is an error.
"""

from f1_lakehouse.counts import counted
from f1_lakehouse.sources.openf1.calendar import Category
from f1_lakehouse.sources.openf1.endpoints import BY_NAME
from f1_lakehouse.sources.source import Verdict

_ALL = (Category.RACE, Category.SPRINT, Category.QUALIFYING, Category.SPRINT_QUALIFYING, Category.PRACTICE)

# endpoint → bounds for Race, Sprint, Qualifying, Sprint Qualifying, Practice; None: no expectation
_ROWS: dict[str, tuple[tuple[int, int] | None, ...]] = {
    "drivers": ((18, 24), (18, 24), (18, 24), (18, 24), (18, 45)),
    "laps": ((420, 2200), (150, 700), (150, 700), (100, 500), (60, 900)),
    "stints": ((19, 160), (10, 90), (30, 190), (25, 110), (14, 390)),
    "pit": ((9, 125), (0, 56), (30, 190), (25, 110), (14, 390)),
    "position": ((100, 2000), (40, 900), (40, 900), (40, 900), (40, 900)),
    "intervals": ((2000, 45000), (700, 15000), None, None, None),
    "overtakes": ((24, 625), (10, 225), None, None, None),
    "race_control": ((10, 300), (7, 165), (7, 300), (8, 190), (2, 200)),
    "weather": ((60, 320), (30, 200), (40, 250), (30, 200), (40, 300)),
    "team_radio": ((0, 260), (0, 120), (0, 170), (0, 110), (0, 140)),
    "session_result": ((18, 24), (18, 24), (18, 24), (18, 24), (6, 24)),
    "starting_grid": (None, None, (18, 24), (18, 24), None),
    "championship_drivers": ((18, 30), (18, 30), None, None, None),
    "championship_teams": ((10, 12), (10, 12), None, None, None),
    "location": ((300000, 1200000), (100000, 700000), (100000, 900000), (100000, 700000), (100000, 900000)),
    "car_data": ((300000, 1200000), (100000, 700000), (100000, 900000), (100000, 700000), (100000, 900000)),
}


def bounds(endpoint: str, category: Category) -> tuple[int, int] | None:
    """Return the lowest and highest expected number of rows, inclusive; None if there is no expectation."""
    return _ROWS[endpoint][_ALL.index(category)] if category in _ALL else None


def is_critical(endpoint: str, category: Category) -> bool:
    """Return whether a finished session of that category is incomplete without rows of the endpoint."""
    return BY_NAME[endpoint].critical and category in (Category.RACE, Category.SPRINT)


def judge(endpoint: str, category: Category, rows: int) -> Verdict:
    """Check the number of rows of an endpoint for a finished session of a category."""
    if rows == 0 and is_critical(endpoint, category):
        return Verdict(
            False, True, f"no rows of {endpoint}: the {category} is not complete without them", {"rows": 0}
        )
    expected = bounds(endpoint, category)
    numbers = {"rows": rows}
    if expected is None:
        return Verdict(True, False, f"{counted(rows, 'row')}; nothing is expected of this category", numbers)
    low, high = expected
    if low <= rows <= high:
        return Verdict(True, False, f"{counted(rows, 'row')}, expected {low:,} to {high:,}", numbers)
    return Verdict(
        False, False, f"{counted(rows, 'row')}, expected {low:,} to {high:,} for a {category}", numbers
    )
