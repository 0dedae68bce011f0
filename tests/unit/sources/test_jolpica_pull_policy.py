"""When a pull of Jolpica is due."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from f1_lakehouse.sources.catalog import Endpoint, Scope
from f1_lakehouse.sources.jolpica.calendar import Race, partition_of, race
from f1_lakehouse.sources.jolpica.pull_policy import is_recent, why_due
from f1_lakehouse.sources.jolpica.tables import BY_NAME

END = datetime(2024, 5, 26, 16, tzinfo=UTC)
MONACO = Race(2024, 8, END, "Monaco Grand Prix")
RESULTS, LAPS, DRIVERS, RACES = (
    BY_NAME[f"jolpica_{name}"] for name in ("results", "laps", "drivers", "races")
)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Pulled:
    at: datetime
    outcome: str = "appended"
    rows: int = 1

    @property
    def started_at(self) -> datetime:
        return self.at

    @property
    def is_answer(self) -> bool:
        return self.outcome != "failed"


def due(
    after: timedelta,
    *pulls: Pulled,
    endpoint: Endpoint = RESULTS,
    followed: bool = True,
    patient: bool = True,
) -> str | None:
    """The reason so long after the race."""
    key = {Scope.ALL: 0, Scope.SEASON: 2024, Scope.ROUND: 202408}[endpoint.scope]
    partition = partition_of(key, [MONACO], followed=followed)
    found = why_due(endpoint, partition, END + after, pulls, patient)
    return found and found[0]


def test_what_was_never_loaded_is_due_only_if_its_season_is_followed() -> None:
    assert due(DAY, followed=False) is None
    assert due(DAY, followed=True) == "first pull"


@pytest.mark.parametrize(
    ("pulled", "now", "why"),
    [
        (2 * HOUR, 23 * HOUR, None),
        (2 * HOUR, 25 * HOUR, "+1d"),
        (25 * HOUR, 71 * HOUR, None),
        (25 * HOUR, 73 * HOUR, "+3d"),
        (4 * DAY, 7 * DAY, None),
        (4 * DAY, 8 * DAY, "+8d"),
        (9 * DAY, 29 * DAY, None),
        (9 * DAY, 30 * DAY, "+30d"),
        (2 * HOUR, 30 * DAY, "+30d"),
        (31 * DAY, 200 * DAY, None),
        (31 * DAY, 395 * DAY, None),
        (31 * DAY, 396 * DAY, "yearly"),
    ],
)
def test_season_is_pulled_again_after_each_race_and_then_yearly(
    pulled: timedelta, now: timedelta, why: str | None
) -> None:
    assert due(now, Pulled(END + pulled)) == why
    assert due(now, Pulled(END + pulled), followed=False) == why


def test_past_season_that_was_loaded_late_is_due_a_year_later() -> None:
    pulls = [Pulled(datetime(2025, 1, 1, tzinfo=UTC))]
    old = partition_of(1957, [Race(1957, 1, datetime(1957, 1, 13, 20, tzinfo=UTC))])
    assert why_due(RESULTS, old, datetime(2025, 12, 31, tzinfo=UTC), pulls) is None
    assert why_due(RESULTS, old, datetime(2026, 1, 1, tzinfo=UTC), pulls) == ("yearly", 0)


@pytest.mark.parametrize(("after", "why"), [(30 * HOUR / 60, None), (2 * HOUR, "no rows yet")])
def test_round_without_rows_within_a_day_of_the_race_is_not_an_answer(
    after: timedelta, why: str | None
) -> None:
    empty = Pulled(END + HOUR, "empty", 0)
    assert due(HOUR + after, empty, endpoint=LAPS) == why


def test_round_without_rows_a_day_after_the_race_is_an_answer_until_the_next_correction() -> None:
    empty = Pulled(END + 25 * HOUR, "empty", 0)
    assert due(2 * DAY, empty, endpoint=LAPS) is None
    assert due(3 * DAY, empty, endpoint=LAPS) == "+3d"


def test_round_is_not_due_before_its_race_is_over() -> None:
    assert due(-HOUR, endpoint=LAPS) is None


def test_whole_resources_are_pulled_once_after_a_race() -> None:
    assert due(25 * HOUR, Pulled(END - DAY), endpoint=DRIVERS) == "+1d"
    assert due(30 * DAY, Pulled(END + 25 * HOUR), endpoint=DRIVERS) is None


def test_calendar_of_a_running_season_is_pulled_weekly() -> None:
    pulls = [Pulled(END - 10 * DAY)]
    running = partition_of(2024, [MONACO])
    assert why_due(RACES, running, END - 4 * DAY, pulls) is None
    assert why_due(RACES, running, END - 3 * DAY, pulls) == ("calendar", 0)


def test_failed_pull_backs_off_unless_a_user_asks() -> None:
    failed = Pulled(END + 25 * HOUR, "failed", 0)
    soon = 25 * HOUR + timedelta(minutes=4)
    assert due(soon, failed) is None
    assert due(soon, failed, patient=False) == "failed"
    assert due(soon, failed, followed=False, patient=False) == "failed"
    assert due(25 * HOUR + timedelta(minutes=5), failed) == "failed"


@pytest.mark.parametrize(
    ("outcome", "why"), [("restored", "restored"), ("empty_unconfirmed", "confirm empty")]
)
def test_restored_and_unconfirmed_partitions_are_due(outcome: str, why: str) -> None:
    assert due(42 * DAY, Pulled(END + 40 * DAY, outcome)) == why


def test_pull_made_with_the_clock_ahead_does_not_hide_corrections() -> None:
    assert due(25 * HOUR, Pulled(END + timedelta(days=4000))) == "+1d"


def test_race_ends_three_hours_after_its_start_or_with_its_day() -> None:
    row = {"season": 2024, "round": 8, "race_date": "2024-05-26", "race_name": "Monaco Grand Prix"}
    assert race({**row, "race_start": datetime(2024, 5, 26, 13, tzinfo=UTC)}) == MONACO
    without = race({**row, "race_start": None})
    assert without is not None
    assert without.end == datetime(2024, 5, 27, tzinfo=UTC)
    assert race({**row, "race_start": None, "race_date": None}) is None


def test_partition_holds_the_races_that_it_covers() -> None:
    other, past = Race(2024, 9, END), Race(2023, 8, END)
    held = {key: partition_of(key, [MONACO, other, past]).races for key in (0, 2024, 202408)}
    assert held == {0: (past, MONACO, other), 2024: (MONACO, other), 202408: (MONACO,)}
    labels = [partition_of(key, [MONACO]).label for key in (0, 2024, 202408)]
    assert labels == ["all", "2024", "2024-08-monaco-grand-prix-202408"]


def test_rounds_are_recent_for_thirty_days() -> None:
    assert is_recent(MONACO, END + 30 * DAY)
    assert not is_recent(MONACO, END + 31 * DAY)
    assert not is_recent(MONACO, END - HOUR)
