"""The calendar: sessions and their applicable endpoints."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sessions import END, RACE, START, TICK, session_named

from f1_lakehouse.sources.openf1.calendar import (
    LIVE_MARGIN,
    Category,
    category,
    grid_session,
    session,
    session_key_of,
)
from f1_lakehouse.sources.openf1.endpoints import BY_NAME


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Race", Category.RACE),
        ("Sprint", Category.SPRINT),
        ("Qualifying", Category.QUALIFYING),
        ("Sprint Qualifying", Category.SPRINT_QUALIFYING),
        ("Sprint Shootout", Category.SPRINT_QUALIFYING),
        ("Practice 1", Category.PRACTICE),
        ("Practice 3", Category.PRACTICE),
        ("Day 1", Category.PRACTICE),
        ("Day 3", Category.PRACTICE),
        (" race ", Category.RACE),
        ("SPRINT", Category.SPRINT),
        ("Daytona", Category.OTHER),
        ("Demonstration", Category.OTHER),
        ("", Category.OTHER),
        (None, Category.OTHER),
    ],
)
def test_category_follows_from_the_name_of_a_session(name: str | None, expected: Category) -> None:
    assert category(name) is expected


@pytest.mark.parametrize(
    ("location", "name", "partition"),
    [
        ("Marina Bay", "Race", "2024-09-22-marina-bay-race-9606"),
        ("São Paulo", "Sprint Qualifying", "2024-09-22-sao-paulo-sprint-qualifying-9606"),
        ("Spa-Francorchamps", "Practice 1", "2024-09-22-spa-francorchamps-practice-1-9606"),
        ("  Yas / Island ", "Day 1", "2024-09-22-yas-island-day-1-9606"),
        ("x" * 70_000, "Race", f"2024-09-22-{'x' * 80}-9606"),
        ("東京", "", "2024-09-22--9606"),
    ],
)
def test_partition_is_named_by_date_location_session_and_key(
    location: str, name: str, partition: str
) -> None:
    one = replace(RACE, location=location, name=name)
    assert one.partition == partition
    assert session_key_of(one.partition) == 9606


def test_session_is_read_from_a_row_of_the_calendar() -> None:
    row: dict[str, object] = {
        "session_key": 9606,
        "meeting_key": 1246,
        "year": 2024,
        "session_name": "Race",
        "location": "Marina Bay",
        "date_start": START.astimezone(datetime.now().astimezone().tzinfo),
        "date_end": END,
        "is_cancelled": None,
    }
    assert session(row) == RACE
    found = session({**row, "is_cancelled": True, "location": None, "session_name": None})
    assert found is not None
    assert found.is_cancelled
    [of_cancelled_meeting, of_another] = [
        session(row, {key}) for key in (RACE.meeting_key, RACE.meeting_key + 1)
    ]
    assert of_cancelled_meeting == replace(RACE, is_cancelled=True)
    assert of_another == RACE
    assert (found.name, found.location, found.category) == ("Unknown", "unknown", Category.OTHER)


@pytest.mark.parametrize("name", ["date_start", "date_end"])
def test_row_without_times_is_not_a_session(name: str) -> None:
    row: dict[str, object] = {
        "session_key": 1, "meeting_key": 1, "year": 2024, "date_start": START, "date_end": END, name: None,
    }  # fmt: skip
    assert session(row) is None


@pytest.mark.parametrize(
    "end",
    [END - timedelta(days=1), START, START + timedelta(days=1, seconds=1), START + timedelta(days=60_000)],
)
def test_impossible_end_is_ignored(end: datetime) -> None:
    row: dict[str, object] = {
        "session_key": 1, "meeting_key": 1, "year": 2024, "date_start": START, "date_end": end,
    }  # fmt: skip
    found = session(row)
    assert found is not None
    assert found.end == START + timedelta(hours=2)
    assert session(row | {"session_key": 0}) is None
    assert session(row | {"session_key": -9606}) is None


def test_sessions_are_ordered_by_time() -> None:
    assert sorted(
        [session_named("Race", 1, 2), session_named("Practice 1", 3), session_named("Qualifying", 2, 1)]
    ) == [
        session_named("Practice 1", 3),
        session_named("Qualifying", 2, 1),
        session_named("Race", 1, 2),
    ]


@pytest.mark.parametrize(
    ("now", "live", "finished"),
    [
        (START - LIVE_MARGIN - TICK, False, False),
        (START - LIVE_MARGIN, True, False),
        (END + LIVE_MARGIN - TICK, True, False),
        (END + LIVE_MARGIN, False, True),
    ],
)
def test_session_is_live_from_half_an_hour_before_to_half_an_hour_after(
    now: datetime, live: bool, finished: bool
) -> None:
    assert (RACE.is_live(now), RACE.is_finished(now)) == (live, finished)
    cancelled = replace(RACE, is_cancelled=True)
    assert not cancelled.is_live(now)
    assert not cancelled.is_finished(now)


# The grid


@pytest.mark.parametrize("shootout", ["Sprint Qualifying", "Sprint Shootout"])
def test_sprint_weekend_race_has_the_grid_of_its_own_qualifying(shootout: str) -> None:
    sprint_quali, sprint = session_named(shootout, 1), session_named("Sprint", 2, 1)
    quali, race = session_named("Qualifying", 3, 1), session_named("Race", 4, 2)
    calendar = [race, sprint, quali, sprint_quali, session_named("Practice 1", 5)]
    assert grid_session(race, calendar) == quali
    assert grid_session(sprint, calendar) == sprint_quali


def test_later_qualifying_that_is_not_cancelled_sets_the_grid() -> None:
    first, second, race = (
        session_named("Qualifying", 1),
        session_named("Qualifying", 2, 1),
        session_named("Race", 3, 2),
    )
    assert grid_session(race, [second, first, race]) == second
    assert grid_session(race, [first, replace(second, is_cancelled=True), race]) == first


def test_without_a_qualifying_of_the_same_meeting_there_is_no_grid() -> None:
    race = session_named("Race", 3, 2)
    assert (
        grid_session(
            race, [race, session_named("Qualifying", 1, meeting=1), session_named("Sprint Qualifying", 2)]
        )
        is None
    )


@pytest.mark.parametrize("name", ["Practice 1", "Qualifying", "Sprint Qualifying", "Gala"])
def test_only_races_and_sprints_have_a_grid(name: str) -> None:
    assert (
        grid_session(
            session_named(name),
            [session_named("Qualifying", 1), session_named(name), session_named("Gala", 7)],
        )
        is None
    )


def test_applicable_endpoints_follow_from_the_category() -> None:
    assert session_named("Qualifying").has(BY_NAME["starting_grid"])
    assert not RACE.has(BY_NAME["starting_grid"])
    assert RACE.has(BY_NAME["intervals"])
    assert not session_named("Day 1").has(BY_NAME["intervals"])
