"""The calendar: what a session is, and the one function that says what must be asked and why."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from f1_lakehouse.sources.catalog import Availability
from f1_lakehouse.sources.openf1.calendar import (
    LIVE_MARGIN,
    Category,
    Session,
    category,
    grid_session,
    session,
    session_key_of,
)
from f1_lakehouse.sources.openf1.endpoints import BY_NAME, SESSION_ENDPOINTS
from f1_lakehouse.sources.openf1.pull_policy import (
    CONFIRM_AFTER,
    CORRECTIONS,
    WATCHED,
    Due,
    due,
    season_due,
    why_due,
)
from f1_lakehouse.sources.pull_history import FIRST_RETRY_AFTER, LONGEST_RETRY_AFTER

START = datetime(2024, 9, 22, 12, 0, tzinfo=UTC)
END = datetime(2024, 9, 22, 14, 0, tzinfo=UTC)
TICK = timedelta(microseconds=1)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
RACE = Session(START, END, 9606, 1246, 2024, "Race", "Marina Bay", Category.RACE)
EVERY = {e.name for e in SESSION_ENDPOINTS if e.availability is Availability.EVERY_SESSION}
RACES = {e.name for e in SESSION_ENDPOINTS if e.availability is Availability.RACES}
QUALIFYINGS = {e.name for e in SESSION_ENDPOINTS if e.availability is Availability.QUALIFYINGS}


@dataclass(frozen=True)
class Asked:
    at: datetime
    outcome: str = "appended"
    begun: datetime | None = None

    @property
    def started_at(self) -> datetime:
        return self.begun or self.at

    @property
    def is_answer(self) -> bool:
        return self.outcome != "failed"


def named(name: str, key: int = 1, day: int = 0, meeting: int = 1246, **rest: Any) -> Session:
    """A session of that name, so many days after the race."""
    move = timedelta(days=day)
    return Session(START + move, END + move, key, meeting, 2024, name, "Marina Bay", category(name), **rest)


def asked_never(_: str, __: int) -> Sequence[Asked]:
    return []


# Sessions


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
def test_a_session_is_what_its_name_says(name: str | None, expected: Category) -> None:
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
def test_a_partition_is_named_by_date_place_session_and_key(location: str, name: str, partition: str) -> None:
    one = replace(RACE, location=location, name=name)
    assert one.partition == partition
    assert session_key_of(one.partition) == 9606


def test_a_session_is_read_from_a_row_of_the_calendar() -> None:
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
def test_a_row_without_times_is_no_session_yet(name: str) -> None:
    row: dict[str, object] = {
        "session_key": 1, "meeting_key": 1, "year": 2024, "date_start": START, "date_end": END, name: None,
    }  # fmt: skip
    assert session(row) is None


@pytest.mark.parametrize(
    "end",
    [END - timedelta(days=1), START, START + timedelta(days=1, seconds=1), START + timedelta(days=60_000)],
)
def test_an_end_that_cannot_be_is_not_believed(end: datetime) -> None:
    row: dict[str, object] = {
        "session_key": 1, "meeting_key": 1, "year": 2024, "date_start": START, "date_end": end,
    }  # fmt: skip
    found = session(row)
    assert found is not None
    assert found.end == START + timedelta(hours=2)
    assert session(row | {"session_key": 0}) is None
    assert session(row | {"session_key": -9606}) is None


def test_sessions_are_ordered_by_time() -> None:
    assert sorted([named("Race", 1, 2), named("Practice 1", 3), named("Qualifying", 2, 1)]) == [
        named("Practice 1", 3),
        named("Qualifying", 2, 1),
        named("Race", 1, 2),
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
def test_a_session_is_live_from_half_an_hour_before_to_half_an_hour_after(
    now: datetime, live: bool, finished: bool
) -> None:
    assert (RACE.is_live(now), RACE.is_finished(now)) == (live, finished)
    cancelled = replace(RACE, is_cancelled=True)
    assert not cancelled.is_live(now)
    assert not cancelled.is_finished(now)


# The grid


@pytest.mark.parametrize("shootout", ["Sprint Qualifying", "Sprint Shootout"])
def test_on_a_sprint_weekend_each_race_has_the_grid_of_its_own_qualifying(shootout: str) -> None:
    sprint_quali, sprint = named(shootout, 1), named("Sprint", 2, 1)
    quali, race = named("Qualifying", 3, 1), named("Race", 4, 2)
    calendar = [race, sprint, quali, sprint_quali, named("Practice 1", 5)]
    assert grid_session(race, calendar) == quali
    assert grid_session(sprint, calendar) == sprint_quali


def test_of_two_qualifyings_the_later_set_the_grid_unless_it_was_called_off() -> None:
    first, second, race = named("Qualifying", 1), named("Qualifying", 2, 1), named("Race", 3, 2)
    assert grid_session(race, [second, first, race]) == second
    assert grid_session(race, [first, replace(second, is_cancelled=True), race]) == first


def test_without_a_qualifying_of_the_same_meeting_there_is_no_grid() -> None:
    race = named("Race", 3, 2)
    assert (
        grid_session(race, [race, named("Qualifying", 1, meeting=1), named("Sprint Qualifying", 2)]) is None
    )


@pytest.mark.parametrize("name", ["Practice 1", "Qualifying", "Sprint Qualifying", "Gala"])
def test_only_races_and_sprints_have_a_grid(name: str) -> None:
    assert grid_session(named(name), [named("Qualifying", 1), named(name), named("Gala", 7)]) is None


# Why one endpoint is due


@pytest.mark.parametrize("patient", [True, False])
def test_what_was_never_asked_is_due(patient: bool) -> None:
    assert why_due(END, END + LIVE_MARGIN, [], patient=patient) == ("first pull", 0)


@pytest.mark.parametrize("outcome", ["appended", "unchanged", "empty", "emptied", "empty_unconfirmed"])
def test_what_was_answered_is_not_due_before_the_next_correction(outcome: str) -> None:
    pulled = END + 40 * MINUTE
    assert why_due(END, END + HOUR - TICK, [Asked(pulled, outcome)]) is None


@pytest.mark.parametrize(("why", "after"), CORRECTIONS.items())
def test_a_correction_is_due_from_its_hour_until_it_was_asked(why: str, after: timedelta) -> None:
    at = END + after
    before = [Asked(at - TICK)]
    # Nothing but this correction lies between the last pull and its hour.
    assert why_due(END, at - TICK, before) is None
    assert why_due(END, at, before) == (why, 0)
    assert why_due(END, at + 400 * DAY, [Asked(at - TICK)]) is not None
    assert why_due(END, at, [*before, Asked(at, "unchanged")]) is None


def test_of_several_missed_corrections_the_latest_is_the_reason_and_one_pull_does_for_all() -> None:
    first = [Asked(END + 40 * MINUTE)]
    assert why_due(END, END + 4 * DAY, first) == ("+3d", 0)
    assert why_due(END, END + 4 * DAY, [*first, Asked(END + 4 * DAY)]) is None
    assert why_due(END, END + 8 * DAY, [*first, Asked(END + 4 * DAY)]) == ("+8d", 0)
    assert why_due(END, END + 400 * DAY, first) == ("+30d", 0)


def test_after_the_last_correction_nothing_is_due_any_more() -> None:
    assert why_due(END, END + 4000 * DAY, [Asked(END + 30 * DAY)]) is None


def test_a_clock_that_was_years_ahead_does_not_hold_corrections_back_nor_ask_for_ever() -> None:
    ahead, now = Asked(END + 4000 * DAY), END + 2 * DAY
    assert why_due(END, now, [ahead]) == ("+1d", 0)
    # The ledger keeps its order, so what is pulled after the clock was set right is dated later still.
    right = Asked(ahead.at + TICK, begun=now)
    assert why_due(END, now + HOUR, [ahead, right]) is None
    assert why_due(END, END + 3 * DAY, [ahead, right]) == ("+3d", 0)
    assert why_due(END, now, [Asked(ahead.at, "failed")]) == ("failed", 1)
    assert why_due(END, now, [Asked(ahead.at, "empty_unconfirmed")]) == ("confirm empty", 0)


def test_a_clock_that_is_a_moment_behind_asks_nothing_again() -> None:
    assert why_due(END, END + 2 * DAY, [Asked(END + 2 * DAY + MINUTE)]) is None


def test_a_season_that_was_asked_with_the_clock_ahead_is_asked_again() -> None:
    now = datetime(2024, 9, 23, tzinfo=UTC)
    assert season_due(now, 2024, [Asked(now + 4000 * DAY)])
    assert not season_due(now, 2024, [Asked(now + 4000 * DAY), Asked(now + 4000 * DAY + TICK, begun=now)])


def test_what_was_set_back_by_a_restore_is_due() -> None:
    asked = [Asked(END + 31 * DAY), Asked(END + 32 * DAY, "restored")]
    assert why_due(END, END + 32 * DAY, asked) == ("restored", 0)
    assert season_due(END + 400 * DAY, 2024, [Asked(END + 399 * DAY, "restored")])


def test_the_corrections_are_those_that_were_promised() -> None:
    assert CORRECTIONS == {"+1h": HOUR, "+1d": DAY, "+3d": 3 * DAY, "+8d": 8 * DAY, "+30d": 30 * DAY}


def test_a_doubted_empty_answer_is_asked_again_after_an_hour_whenever_it_came() -> None:
    late = END + 100 * DAY
    doubted = [Asked(END + 31 * DAY), Asked(late, "empty_unconfirmed")]
    assert why_due(END, late + CONFIRM_AFTER - TICK, doubted) is None
    assert why_due(END, late + CONFIRM_AFTER, doubted) == ("confirm empty", 0)
    assert why_due(END, late + 9 * DAY, [*doubted, Asked(late + HOUR, "emptied")]) is None


@pytest.mark.parametrize("failures", [1, 2, 3, 4, 5, 6, 7, 8, 20, 100])
def test_after_failures_it_is_due_again_after_a_growing_wait(failures: int) -> None:
    failed = [Asked(END + HOUR + n * TICK, "failed") for n in range(failures)]
    wait = min(FIRST_RETRY_AFTER * 2 ** min(failures - 1, 20), LONGEST_RETRY_AFTER)
    last = failed[-1].at
    assert why_due(END, last + wait - TICK, failed) is None
    assert why_due(END, last + wait, failed) == ("failed", failures)
    assert FIRST_RETRY_AFTER <= wait <= timedelta(hours=6)


def test_a_person_who_asks_does_not_wait_after_a_failure() -> None:
    failed = [Asked(END + HOUR, "failed")]
    assert why_due(END, END + HOUR, failed, patient=False) == ("failed", 1)


def test_a_correction_that_failed_stays_due_and_counts_its_failures() -> None:
    pulls = [Asked(END + 40 * MINUTE), Asked(END + DAY, "failed"), Asked(END + DAY + HOUR, "failed")]
    assert why_due(END, END + DAY + HOUR + 9 * MINUTE, pulls) is None
    assert why_due(END, END + DAY + HOUR + 10 * MINUTE, pulls) == ("+1d", 2)
    assert why_due(END, END + DAY + HOUR, pulls, patient=False) == ("+1d", 2)


def test_a_failure_of_something_that_is_not_due_makes_nothing_due() -> None:
    pulls = [Asked(END + 31 * DAY), Asked(END + 40 * DAY, "failed")]
    assert why_due(END, END + 50 * DAY, pulls) is None


def test_an_answer_after_failures_ends_their_count() -> None:
    pulls = [Asked(END + HOUR, "failed"), Asked(END + 2 * HOUR), Asked(END + DAY, "failed")]
    assert why_due(END, END + DAY + HOUR, pulls) == ("+1d", 1)


# What is due


@pytest.mark.parametrize(
    ("name", "endpoints"),
    [
        ("Race", EVERY | RACES),
        ("Sprint", EVERY | RACES),
        ("Qualifying", EVERY | QUALIFYINGS),
        ("Sprint Shootout", EVERY | QUALIFYINGS),
        ("Practice 2", EVERY),
        ("Day 1", EVERY),
        ("Gala", EVERY),
    ],
)
def test_an_endpoint_that_a_session_cannot_have_is_never_due(name: str, endpoints: set[str]) -> None:
    for force in (True, False):
        [found] = due(END + DAY, [named(name)], asked_never, force=force)
        assert set(found.endpoints) == endpoints
    assert {"intervals", "overtakes", "championship_drivers", "championship_teams"} == RACES
    assert {"starting_grid"} == QUALIFYINGS


@pytest.mark.parametrize("force", [True, False])
def test_nothing_is_due_before_a_session_is_over_and_out_of_the_live_window(force: bool) -> None:
    for now in (START - DAY, START, END, END + LIVE_MARGIN - TICK):
        assert due(now, [RACE], asked_never, force=force) == []
    assert due(END + LIVE_MARGIN, [RACE], asked_never, force=force) != []


@pytest.mark.parametrize("force", [True, False])
def test_a_cancelled_session_is_never_due(force: bool) -> None:
    assert due(END + DAY, [replace(RACE, is_cancelled=True)], asked_never, force=force) == []


def test_a_whole_sprint_weekend_is_due_in_its_order() -> None:
    names = ["Practice 1", "Sprint Qualifying", "Sprint", "Qualifying", "Race"]
    calendar = [named(name, key, key) for key, name in enumerate(names, 1)]
    found = due(END + 9 * DAY, reversed(calendar), asked_never)
    assert [one.session.name for one in found] == names
    assert {one.why for one in found} == {"first pull"}


def test_endpoints_of_a_session_are_grouped_by_reason_and_attempt() -> None:
    asked = {
        "laps": [Asked(END + 40 * MINUTE)],
        "pit": [Asked(END + 40 * MINUTE)],
        "weather": [Asked(END + HOUR, "failed")],
        "stints": [Asked(END + DAY + HOUR)],
    }
    found = due(
        END + DAY + 2 * HOUR,
        [RACE],
        lambda endpoint, key: asked.get(endpoint, []) if key == 9606 else [],
        endpoints=["laps", "pit", "weather", "stints", "drivers"],
    )
    assert sorted(found, key=lambda one: one.why) == [
        Due(RACE, ("laps", "pit"), "+1d"),
        Due(RACE, ("weather",), "failed", 1),
        Due(RACE, ("drivers",), "first pull"),
    ]


def test_only_the_endpoints_that_were_named_are_due() -> None:
    [found] = due(END + DAY, [RACE], asked_never, endpoints={"laps", "starting_grid", "meetings"})
    assert found.endpoints == ("laps",)
    assert due(END + DAY, [RACE], asked_never, endpoints=[]) == []


def test_force_asks_again_whatever_is_there() -> None:
    [found] = due(END + DAY, [RACE], lambda *_: [Asked(END + DAY, "failed")], force=True)
    assert (found.why, found.attempt) == ("forced", 0)
    assert set(found.endpoints) == EVERY | RACES


def test_patience_is_handed_on() -> None:
    failed = lambda *_: [Asked(END + DAY, "failed")]  # noqa: E731
    assert due(END + DAY, [RACE], failed) == []
    assert due(END + DAY, [RACE], failed, patient=False) != []


def test_the_sensor_looks_back_past_the_last_correction_and_no_further() -> None:
    assert max(CORRECTIONS.values()) < WATCHED
    assert due(END + WATCHED, [RACE], asked_never, watched=WATCHED) != []
    assert due(END + WATCHED + TICK, [RACE], asked_never, watched=WATCHED) == []
    assert due(END + WATCHED + TICK, [RACE], asked_never) != []


def test_a_session_at_the_end_of_the_year_is_corrected_in_the_next() -> None:
    start = datetime(2024, 12, 31, 22, 0, tzinfo=UTC)
    race = replace(RACE, start=start, end=start + 2 * HOUR)
    assert race.partition.startswith("2024-12-31-")
    [found] = due(datetime(2025, 1, 9, 0, 0, tzinfo=UTC), [race], lambda *_: [Asked(race.end + 4 * DAY)])
    assert found.why == "+8d"


# Seasons


@pytest.mark.parametrize(
    ("now", "pulls", "expected"),
    [
        ("2024-07-01", [], True),
        ("2026-07-01", [], True),
        ("2024-07-01", [("2024-06-30", "failed")], True),
        ("2024-07-02", [("2024-07-01", "appended")], True),
        ("2024-07-01T23:59:59", [("2024-07-01", "appended")], False),
        ("2024-07-02", [("2024-07-01", "appended"), ("2024-07-01T18:00:00", "failed")], True),
        ("2024-07-02", [("2024-07-01", "appended"), ("2024-07-01T18:00:00", "unchanged")], False),
        ("2023-12-20", [("2023-12-01", "empty")], True),  # the coming season
        ("2025-01-01", [("2024-12-30", "unchanged")], True),  # once more after its end
        ("2025-01-01", [("2024-12-31T12:00:00", "unchanged")], False),
        ("2025-06-01", [("2025-01-01", "unchanged")], False),
        ("2026-06-01", [("2024-12-31T12:00:00", "unchanged")], True),
    ],
)
def test_a_season_is_asked_daily_until_it_was_asked_after_its_end(
    now: str, pulls: list[tuple[str, str]], expected: bool
) -> None:
    asked = [Asked(datetime.fromisoformat(at).replace(tzinfo=UTC), outcome) for at, outcome in pulls]
    assert season_due(datetime.fromisoformat(now).replace(tzinfo=UTC), 2024, asked) is expected


def test_an_endpoint_is_applicable_by_what_the_session_is() -> None:
    assert named("Qualifying").has(BY_NAME["starting_grid"])
    assert not RACE.has(BY_NAME["starting_grid"])
    assert RACE.has(BY_NAME["intervals"])
    assert not named("Day 1").has(BY_NAME["intervals"])
