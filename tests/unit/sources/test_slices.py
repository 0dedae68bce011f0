"""A result that is too large for one response is divided by driver, time or lap number."""

from datetime import timedelta
from typing import Any

import pytest
from pulls import DRIVERS, START, Make, ServedRows, pull, pull_season, refused, rows_of
from scripted_openf1 import Reply

from f1_lakehouse.sources.errors import PermanentError, TooLargeError


def test_pull_that_fits_takes_one_request(openf1: Any, make: Make) -> None:
    openf1.script = ServedRows(list(range(10)), 1000)
    assert rows_of(pull(make(), "intervals")) == sorted(openf1.script.rows)
    assert openf1.requested == ["intervals?session_key=9606"]


def test_season_endpoint_is_requested_by_year(openf1: Any, make: Make) -> None:
    pull_season(make(), "sessions", 2024)
    assert openf1.requested == ["sessions?year=2024"]
    with pytest.raises(ValueError, match="season"):
        pull(make(), "sessions")
    with pytest.raises(ValueError, match="session"):
        pull_season(make(), "laps", 2024)


def test_telemetry_is_requested_driver_by_driver_from_the_start(openf1: Any, make: Make) -> None:
    openf1.script = ServedRows(list(range(10)), 10)
    assert rows_of(pull(make())) == sorted(openf1.script.rows)
    assert openf1.requested == [f"car_data?session_key=9606&driver_number={driver}" for driver in DRIVERS]


@pytest.mark.parametrize("known", [{}, {1: 404}])
def test_session_without_telemetry_takes_two_requests(openf1: Any, make: Make, known: dict[int, int]) -> None:
    openf1.script = ServedRows([], 10)
    root = f"{openf1.base_url}/car_data?session_key=9606"
    before = {f"{root}&driver_number={driver}": status for driver, status in known.items()}
    answers = pull(make(concurrent=3), drivers=range(1, 21), known=before)
    assert len(answers) + len(known) == 2
    assert openf1.requested[-1] == "car_data?session_key=9606"
    assert all(answer.is_empty for answer in answers)
    assert pull(make(), drivers=range(1, 21), known={**before, **{a.url: a.status for a in answers}}) == []


def test_other_drivers_are_requested_when_the_first_has_no_telemetry(openf1: Any, make: Make) -> None:
    openf1.script = ServedRows(list(range(10)), 10)
    answers = pull(make(), drivers=(99, *DRIVERS))
    assert rows_of(answers) == sorted(openf1.script.rows)
    assert [answer.status for answer in answers] == [404, 422, 200, 200, 200]


def test_complete_session_that_fits_is_requested_once(openf1: Any, make: Make) -> None:
    openf1.script = ServedRows(list(range(10)), 1000)
    answers = pull(make(), drivers=(99, *DRIVERS))
    assert rows_of(answers) == sorted(openf1.script.rows)
    assert [answer.status for answer in answers] == [404, 200]


def test_telemetry_without_drivers_is_refused_before_any_request(openf1: Any, make: Make) -> None:
    with pytest.raises(PermanentError, match="load the session's drivers first"):
        pull(make(), drivers=())
    assert openf1.requested == []


def test_request_that_is_too_large_is_divided_by_driver_and_kept(openf1: Any, make: Make) -> None:
    openf1.script = ServedRows(list(range(10)), 10)
    answers = pull(make(), "intervals")
    assert rows_of(answers) == sorted(openf1.script.rows)
    assert [answer.status for answer in answers] == [422, 200, 200, 200]


@pytest.mark.usefixtures("without_http")
@pytest.mark.parametrize("most", [1, 7, 100, 1800, 3600])
def test_divided_by_time_every_row_arrives_exactly_once(openf1: Any, make: Make, most: int) -> None:
    # Dense in the middle, with feeds that begin before the session and end long after it.
    seconds = sorted({-5400, -5399, *range(3590, 3610), *range(0, 7200, 6 if most > 7 else 600), 7300, 20000})
    openf1.script = ServedRows(seconds, most)
    assert rows_of(pull(make())) == sorted(openf1.script.rows)


def test_first_slice_has_no_lower_and_the_last_no_upper_bound(openf1: Any, make: Make) -> None:
    openf1.script = ServedRows(list(range(7200)), 4000)
    pull(make(), drivers=(1,))
    base = "car_data?session_key=9606&driver_number=1"
    assert openf1.requested == [base, f"{base}&date<2024-09-22T13:00:00", f"{base}&date>=2024-09-22T13:00:00"]


def test_later_drivers_start_from_remembered_slices(openf1: Any, make: Make) -> None:
    openf1.script = ServedRows(list(range(7200)), 2000)
    answers = pull(make())
    assert refused(answers) == 3  # the complete request, and both halves of the first driver only
    assert len(answers) == 3 + 3 * 4


def test_slices_are_remembered_for_sessions_of_the_same_length(openf1: Any, make: Make) -> None:
    openf1.script = ServedRows(list(range(7200)), 2000)
    client = make()
    pull(client)
    later = (START + timedelta(hours=0), START + timedelta(hours=2))
    assert refused(pull(client, window=later)) == 0
    openf1.script = ServedRows(list(range(1800)), 2000)
    assert len(pull(client, window=(START, START + timedelta(hours=1)))) == len(DRIVERS)
    openf1.script = ServedRows(list(range(10)), 10)
    pull(client, "intervals")
    assert refused(pull(client, "intervals")) == 0


def test_laps_are_divided_by_lap_number_because_their_date_can_be_null(openf1: Any, make: Make) -> None:
    openf1.script = ServedRows(list(range(1, 90)), 4, field="lap_number")
    assert rows_of(pull(make(), "laps")) == sorted(openf1.script.rows)
    assert not any("date" in asked for asked in openf1.requested)


def test_rows_without_a_required_driver_are_divided_by_time_only(openf1: Any, make: Make) -> None:
    openf1.script = ServedRows(list(range(0, 7200, 60)), 100)
    assert rows_of(pull(make(), "race_control")) == sorted(openf1.script.rows)
    assert not any("driver_number" in asked for asked in openf1.requested)


def test_second_that_is_too_large_raises(openf1: Any, make: Make) -> None:
    openf1.script = ServedRows([5, 5, 5], 2)
    with pytest.raises(TooLargeError, match="cannot be divided further"):
        pull(make())
    assert len(openf1.requested) < 60


@pytest.mark.parametrize("name", ["car_data", "laps", "weather"])
def test_service_that_refuses_everything_costs_a_bounded_number_of_requests(
    openf1: Any, make: Make, name: str
) -> None:
    openf1.script = [Reply(422)]
    with pytest.raises(TooLargeError):
        pull(make(), name)
    assert len(openf1.requested) < 20


@pytest.mark.parametrize("name", ["stints", "drivers"])
def test_rows_without_time_and_laps_cannot_be_divided_indefinitely(
    openf1: Any, make: Make, name: str
) -> None:
    openf1.script = [Reply(422)]
    with pytest.raises(TooLargeError):
        pull(make(), name)


def test_without_a_window_rows_cannot_be_divided_by_time(openf1: Any, make: Make) -> None:
    openf1.script = [Reply(422)]
    with pytest.raises(TooLargeError, match="without the session's start and end"):
        pull(make(), window=None)
