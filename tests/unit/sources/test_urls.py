"""Requests as URLs."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from f1_lakehouse.sources.openf1.urls import Filter, request_url

BASE = "https://api.openf1.org/v1"


def test_operators_are_written_literally() -> None:
    start = datetime(2024, 9, 22, 12, tzinfo=UTC)
    asked = request_url(
        BASE, "car_data", [Filter("date", ">=", start), Filter("date", "<", start + timedelta(hours=1))]
    )
    assert asked == f"{BASE}/car_data?date>=2024-09-22T12:00:00&date<2024-09-22T13:00:00"


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (9606, "9606"),
        (True, "true"),
        ("+1 LAP", "%2B1%20LAP"),
        ("a&b=c", "a%26b%3Dc"),
        (datetime(2024, 9, 22, 12, 0, 0, 250000, tzinfo=UTC), "2024-09-22T12:00:00.250000"),
        (datetime(2024, 9, 22, 20, tzinfo=timezone(timedelta(hours=8))), "2024-09-22T12:00:00"),
    ],
)
def test_values_are_encoded_and_times_are_sent_as_naive_utc(value: object, sent: str) -> None:
    assert request_url(BASE + "/", "x", [Filter("f", "=", value)]) == f"{BASE}/x?f={sent}"  # type: ignore[arg-type]


def test_without_filters_there_is_no_question_mark() -> None:
    assert request_url(BASE, "meetings") == f"{BASE}/meetings"


@pytest.mark.parametrize(
    ("field", "op", "value"),
    [
        ("date>", "=", 1),
        ("Date", "=", 1),
        ("date", "==", 1),
        ("session_key", "=", ""),
        ("date", ">=", datetime(2024, 9, 22)),  # noqa: DTZ001 - that it has no zone is the point
    ],
)
def test_filters_that_the_service_misreads_are_refused(field: str, op: str, value: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Filter(field, op, value)  # type: ignore[arg-type]
