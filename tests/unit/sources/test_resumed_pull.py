"""An interrupted pull is resumed without repeating a row or request."""

from datetime import timedelta
from typing import Any

import pytest
from pulls import DRIVERS, ROWS, START, Make, ServedRows, pull, responses, rows_of


@pytest.mark.usefixtures("without_http")
@pytest.mark.parametrize("name", ["car_data", "intervals", "weather"])
@pytest.mark.parametrize("has_pulled_before", [False, True])
@pytest.mark.parametrize("other", ["same", "window", "drivers", "limit up", "limit down"])
def test_pull_interrupted_anywhere_is_completed_without_repeating_a_row_or_request(
    openf1: Any, make: Make, name: str, has_pulled_before: bool, other: str
) -> None:
    """The second process has no remembered slices, and may have another window, order of drivers or limit."""
    service = ServedRows(sorted({*range(0, 7200, 120), *range(3000, 3100, 4)}), 30)
    openf1.script = service
    drivers = (*DRIVERS, 99)  # the last one has no rows
    total = len(pull(make(), name, drivers=drivers))
    for done in range(total + 1):
        service.most = 30
        first = make()
        if has_pulled_before:
            pull(first, name, drivers=drivers)
        asking = responses(first, name, drivers=drivers)
        have = [answer for answer, _ in zip(asking, range(done), strict=False)]
        known = {answer.url: answer.status for answer in have}
        rest: dict[str, Any] = {"known": known, "drivers": drivers}
        if other == "window":
            rest["window"] = (START - timedelta(minutes=7), START + timedelta(hours=1, minutes=50))
        if other == "drivers":
            rest["drivers"] = drivers[::-1]
        service.most = {"limit up": 100_000, "limit down": 12}.get(other, 30)
        new = pull(make(), name, **rest)
        assert rows_of(have + new) == sorted(service.rows)
        assert not {answer.url for answer in new} & set(known)


def test_started_driver_is_completed_if_no_longer_listed(openf1: Any, make: Make) -> None:
    openf1.script = ServedRows(list(range(7200)), 4000)
    known = {f"{openf1.base_url}/car_data?session_key=9606&driver_number=4": 422}
    assert {row[0] for row in rows_of(pull(make(), drivers=(1,), known=known))} == {1, 4}


def test_complete_pull_sends_no_request(openf1: Any, make: Make) -> None:
    openf1.script = ServedRows(list(range(7200)), 2000)
    known = {answer.url: answer.status for answer in pull(make())}
    openf1.requested.clear()
    assert pull(make(), known=known) == []
    assert openf1.requested == []


def test_responses_of_other_pulls_are_ignored(openf1: Any, make: Make) -> None:
    openf1.script = [ROWS]
    base = f"{openf1.base_url}/laps?session_key="
    known = {base + "96061": 200, base + "9606&lap_number=3": 200, f"{openf1.base_url}/laps": 200}
    assert len(pull(make(), "laps", known=known)) == 1
