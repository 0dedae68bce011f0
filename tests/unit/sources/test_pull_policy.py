"""The pull policy of OpenF1: what is due, and why."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sessions import (
    DAY,
    END,
    EVERY,
    HOUR,
    MINUTE,
    QUALIFYINGS,
    RACE,
    RACES,
    START,
    TICK,
    RecordedPull,
    never_pulled,
    session_named,
)

from f1_lakehouse.sources.openf1.calendar import LIVE_MARGIN
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


@pytest.mark.parametrize("patient", [True, False])
def test_endpoint_that_was_never_pulled_is_due(patient: bool) -> None:
    assert why_due(END, END + LIVE_MARGIN, [], patient=patient) == ("first pull", 0)


@pytest.mark.parametrize("outcome", ["appended", "unchanged", "empty", "emptied", "empty_unconfirmed"])
def test_pulled_endpoint_is_not_due_before_the_next_correction(outcome: str) -> None:
    pulled = END + 40 * MINUTE
    assert why_due(END, END + HOUR - TICK, [RecordedPull(pulled, outcome)]) is None


@pytest.mark.parametrize(("why", "after"), CORRECTIONS.items())
def test_correction_is_due_from_its_time_until_it_was_pulled(why: str, after: timedelta) -> None:
    at = END + after
    before = [RecordedPull(at - TICK)]
    # Only this correction is between the last pull and its time.
    assert why_due(END, at - TICK, before) is None
    assert why_due(END, at, before) == (why, 0)
    assert why_due(END, at + 400 * DAY, [RecordedPull(at - TICK)]) is not None
    assert why_due(END, at, [*before, RecordedPull(at, "unchanged")]) is None


def test_one_pull_covers_all_missed_corrections_and_names_the_latest() -> None:
    first = [RecordedPull(END + 40 * MINUTE)]
    assert why_due(END, END + 4 * DAY, first) == ("+3d", 0)
    assert why_due(END, END + 4 * DAY, [*first, RecordedPull(END + 4 * DAY)]) is None
    assert why_due(END, END + 8 * DAY, [*first, RecordedPull(END + 4 * DAY)]) == ("+8d", 0)
    assert why_due(END, END + 400 * DAY, first) == ("+30d", 0)


def test_after_the_last_correction_nothing_is_due() -> None:
    assert why_due(END, END + 4000 * DAY, [RecordedPull(END + 30 * DAY)]) is None


def test_clock_that_was_years_ahead_does_not_delay_or_repeat_corrections() -> None:
    ahead, now = RecordedPull(END + 4000 * DAY), END + 2 * DAY
    assert why_due(END, now, [ahead]) == ("+1d", 0)
    # The pull log keeps its order, so a pull after the clock was corrected has a still later time.
    right = RecordedPull(ahead.at + TICK, begun=now)
    assert why_due(END, now + HOUR, [ahead, right]) is None
    assert why_due(END, END + 3 * DAY, [ahead, right]) == ("+3d", 0)
    assert why_due(END, now, [RecordedPull(ahead.at, "failed")]) == ("failed", 1)
    assert why_due(END, now, [RecordedPull(ahead.at, "empty_unconfirmed")]) == ("confirm empty", 0)


def test_clock_that_is_slightly_behind_makes_nothing_due() -> None:
    assert why_due(END, END + 2 * DAY, [RecordedPull(END + 2 * DAY + MINUTE)]) is None


def test_season_that_was_pulled_with_the_clock_ahead_is_due() -> None:
    now = datetime(2024, 9, 23, tzinfo=UTC)
    assert season_due(now, 2024, [RecordedPull(now + 4000 * DAY)])
    assert not season_due(
        now, 2024, [RecordedPull(now + 4000 * DAY), RecordedPull(now + 4000 * DAY + TICK, begun=now)]
    )


def test_restored_endpoint_is_due() -> None:
    asked = [RecordedPull(END + 31 * DAY), RecordedPull(END + 32 * DAY, "restored")]
    assert why_due(END, END + 32 * DAY, asked) == ("restored", 0)
    assert season_due(END + 400 * DAY, 2024, [RecordedPull(END + 399 * DAY, "restored")])


def test_corrections_are_the_documented_ones() -> None:
    assert CORRECTIONS == {"+1h": HOUR, "+1d": DAY, "+3d": 3 * DAY, "+8d": 8 * DAY, "+30d": 30 * DAY}


def test_unconfirmed_empty_response_is_due_after_an_hour() -> None:
    late = END + 100 * DAY
    doubted = [RecordedPull(END + 31 * DAY), RecordedPull(late, "empty_unconfirmed")]
    assert why_due(END, late + CONFIRM_AFTER - TICK, doubted) is None
    assert why_due(END, late + CONFIRM_AFTER, doubted) == ("confirm empty", 0)
    assert why_due(END, late + 9 * DAY, [*doubted, RecordedPull(late + HOUR, "emptied")]) is None


@pytest.mark.parametrize("failures", [1, 2, 3, 4, 5, 6, 7, 8, 20, 100])
def test_back_off_grows_with_failures(failures: int) -> None:
    failed = [RecordedPull(END + HOUR + n * TICK, "failed") for n in range(failures)]
    wait = min(FIRST_RETRY_AFTER * 2 ** min(failures - 1, 20), LONGEST_RETRY_AFTER)
    last = failed[-1].at
    assert why_due(END, last + wait - TICK, failed) is None
    assert why_due(END, last + wait, failed) == ("failed", failures)
    assert FIRST_RETRY_AFTER <= wait <= timedelta(hours=6)


def test_commands_do_not_back_off() -> None:
    failed = [RecordedPull(END + HOUR, "failed")]
    assert why_due(END, END + HOUR, failed, patient=False) == ("failed", 1)


def test_correction_that_failed_stays_due_and_counts_its_failures() -> None:
    pulls = [
        RecordedPull(END + 40 * MINUTE),
        RecordedPull(END + DAY, "failed"),
        RecordedPull(END + DAY + HOUR, "failed"),
    ]
    assert why_due(END, END + DAY + HOUR + 9 * MINUTE, pulls) is None
    assert why_due(END, END + DAY + HOUR + 10 * MINUTE, pulls) == ("+1d", 2)
    assert why_due(END, END + DAY + HOUR, pulls, patient=False) == ("+1d", 2)


def test_failure_of_something_that_is_not_due_makes_nothing_due() -> None:
    pulls = [RecordedPull(END + 31 * DAY), RecordedPull(END + 40 * DAY, "failed")]
    assert why_due(END, END + 50 * DAY, pulls) is None


def test_response_after_failures_resets_their_count() -> None:
    pulls = [
        RecordedPull(END + HOUR, "failed"),
        RecordedPull(END + 2 * HOUR),
        RecordedPull(END + DAY, "failed"),
    ]
    assert why_due(END, END + DAY + HOUR, pulls) == ("+1d", 1)


# Due endpoints


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
def test_endpoint_that_a_session_cannot_have_is_never_due(name: str, endpoints: set[str]) -> None:
    for force in (True, False):
        [found] = due(END + DAY, [session_named(name)], never_pulled, force=force)
        assert set(found.endpoints) == endpoints
    assert {"intervals", "overtakes", "championship_drivers", "championship_teams"} == RACES
    assert {"starting_grid"} == QUALIFYINGS


@pytest.mark.parametrize("force", [True, False])
def test_nothing_is_due_before_the_end_of_the_live_window(force: bool) -> None:
    for now in (START - DAY, START, END, END + LIVE_MARGIN - TICK):
        assert due(now, [RACE], never_pulled, force=force) == []
    assert due(END + LIVE_MARGIN, [RACE], never_pulled, force=force) != []


@pytest.mark.parametrize("force", [True, False])
def test_cancelled_session_is_never_due(force: bool) -> None:
    assert due(END + DAY, [replace(RACE, is_cancelled=True)], never_pulled, force=force) == []


def test_complete_sprint_weekend_is_due_in_order() -> None:
    names = ["Practice 1", "Sprint Qualifying", "Sprint", "Qualifying", "Race"]
    calendar = [session_named(name, key, key) for key, name in enumerate(names, 1)]
    found = due(END + 9 * DAY, reversed(calendar), never_pulled)
    assert [one.session.name for one in found] == names
    assert {one.why for one in found} == {"first pull"}


def test_endpoints_of_a_session_are_grouped_by_reason_and_attempt() -> None:
    asked = {
        "laps": [RecordedPull(END + 40 * MINUTE)],
        "pit": [RecordedPull(END + 40 * MINUTE)],
        "weather": [RecordedPull(END + HOUR, "failed")],
        "stints": [RecordedPull(END + DAY + HOUR)],
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


def test_only_the_named_endpoints_are_due() -> None:
    [found] = due(END + DAY, [RACE], never_pulled, endpoints={"laps", "starting_grid", "meetings"})
    assert found.endpoints == ("laps",)
    assert due(END + DAY, [RACE], never_pulled, endpoints=[]) == []


def test_force_makes_everything_due() -> None:
    [found] = due(END + DAY, [RACE], lambda *_: [RecordedPull(END + DAY, "failed")], force=True)
    assert (found.why, found.attempt) == ("forced", 0)
    assert set(found.endpoints) == EVERY | RACES


def test_due_passes_patience_on() -> None:
    failed = lambda *_: [RecordedPull(END + DAY, "failed")]  # noqa: E731
    assert due(END + DAY, [RACE], failed) == []
    assert due(END + DAY, [RACE], failed, patient=False) != []


def test_sensor_covers_sessions_until_after_their_last_correction() -> None:
    assert max(CORRECTIONS.values()) < WATCHED
    assert due(END + WATCHED, [RACE], never_pulled, watched=WATCHED) != []
    assert due(END + WATCHED + TICK, [RACE], never_pulled, watched=WATCHED) == []
    assert due(END + WATCHED + TICK, [RACE], never_pulled) != []


def test_session_at_the_end_of_the_year_is_corrected_in_the_next() -> None:
    start = datetime(2024, 12, 31, 22, 0, tzinfo=UTC)
    race = replace(RACE, start=start, end=start + 2 * HOUR)
    assert race.partition.startswith("2024-12-31-")
    [found] = due(
        datetime(2025, 1, 9, 0, 0, tzinfo=UTC), [race], lambda *_: [RecordedPull(race.end + 4 * DAY)]
    )
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
        ("2025-01-01", [("2024-12-30", "unchanged")], True),  # one more time after its end
        ("2025-01-01", [("2024-12-31T12:00:00", "unchanged")], False),
        ("2025-06-01", [("2025-01-01", "unchanged")], False),
        ("2026-06-01", [("2024-12-31T12:00:00", "unchanged")], True),
    ],
)
def test_season_is_pulled_daily_until_it_was_pulled_after_its_end(
    now: str, pulls: list[tuple[str, str]], expected: bool
) -> None:
    asked = [RecordedPull(datetime.fromisoformat(at).replace(tzinfo=UTC), outcome) for at, outcome in pulls]
    assert season_due(datetime.fromisoformat(now).replace(tzinfo=UTC), 2024, asked) is expected
