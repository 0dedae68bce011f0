"""When a pull of Jolpica is due."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from f1_lakehouse.sources.jolpica.endpoints import BY_TABLE
from f1_lakehouse.sources.jolpica.pull_policy import Race, is_recent, race, why_due

END = datetime(2024, 5, 26, 16, tzinfo=UTC)
MONACO = Race(2024, 8, END, "Monaco Grand Prix")
RESULTS, LAPS, DRIVERS, RACES = (
    BY_TABLE[f"jolpica_{name}"] for name in ("results", "laps", "drivers", "races")
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
    after: timedelta, *pulls: Pulled, resource: object = RESULTS, followed: bool = True, patient: bool = True
) -> str | None:
    """The reason so long after the race."""
    found = why_due(resource, [MONACO], END + after, pulls, followed=followed, patient=patient)  # type: ignore[arg-type]
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
    old = [Race(1957, 1, datetime(1957, 1, 13, 20, tzinfo=UTC))]
    assert why_due(RESULTS, old, datetime(2025, 12, 31, tzinfo=UTC), pulls, followed=False) is None
    assert why_due(RESULTS, old, datetime(2026, 1, 1, tzinfo=UTC), pulls, followed=False) == ("yearly", 0)


@pytest.mark.parametrize(("after", "why"), [(30 * HOUR / 60, None), (2 * HOUR, "no rows yet")])
def test_round_without_rows_within_a_day_of_the_race_is_not_an_answer(
    after: timedelta, why: str | None
) -> None:
    empty = Pulled(END + HOUR, "empty", 0)
    assert due(HOUR + after, empty, resource=LAPS) == why


def test_round_without_rows_a_day_after_the_race_is_an_answer_until_the_next_correction() -> None:
    empty = Pulled(END + 25 * HOUR, "empty", 0)
    assert due(2 * DAY, empty, resource=LAPS) is None
    assert due(3 * DAY, empty, resource=LAPS) == "+3d"


def test_round_is_not_due_before_its_race_is_over() -> None:
    assert due(-HOUR, resource=LAPS) is None


def test_whole_resources_are_pulled_once_after_a_race() -> None:
    assert due(25 * HOUR, Pulled(END - DAY), resource=DRIVERS) == "+1d"
    assert due(30 * DAY, Pulled(END + 25 * HOUR), resource=DRIVERS) is None


def test_calendar_of_a_running_season_is_pulled_weekly() -> None:
    pulls = [Pulled(END - 10 * DAY)]
    assert why_due(RACES, [MONACO], END - 4 * DAY, pulls, followed=True) is None
    assert why_due(RACES, [MONACO], END - 3 * DAY, pulls, followed=True) == ("calendar", 0)


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


def test_rounds_are_recent_for_thirty_days() -> None:
    assert is_recent(MONACO, END + 30 * DAY)
    assert not is_recent(MONACO, END + 31 * DAY)
    assert not is_recent(MONACO, END - HOUR)
