"""Row counts of sessions per category: passed, warning or error."""

import pytest

from f1_lakehouse.sources.catalog import Endpoint
from f1_lakehouse.sources.openf1.calendar import Category
from f1_lakehouse.sources.openf1.endpoints import ENDPOINTS, SESSION_ENDPOINTS
from f1_lakehouse.sources.openf1.row_counts import bounds, is_critical, judge
from f1_lakehouse.sources.source import Verdict


@pytest.mark.parametrize(
    ("rows", "passed"), [(419, False), (420, True), (1179, True), (2200, True), (2201, False)]
)
def test_count_outside_its_bounds_is_a_warning(rows: int, passed: bool) -> None:
    verdict = judge("laps", Category.RACE, rows)
    assert (verdict.passed, verdict.is_error) == (passed, False)
    assert f"{rows:,}" in verdict.message
    assert "420 to 2,200" in verdict.message


@pytest.mark.parametrize("endpoint", SESSION_ENDPOINTS, ids=lambda e: e.name)
@pytest.mark.parametrize("category", list(Category))
def test_missing_rows_are_an_error_only_for_critical_endpoints_of_a_race_or_sprint(
    endpoint: Endpoint, category: Category
) -> None:
    critical = endpoint.name in ("drivers", "laps", "session_result") and category in ("Race", "Sprint")
    verdict = judge(endpoint.name, category, 0)
    assert verdict.is_error is critical
    assert is_critical(endpoint.name, category) is critical
    if critical:
        assert not verdict.passed
        assert endpoint.name in verdict.message
        assert str(category) in verdict.message
    assert not judge(endpoint.name, category, 1).is_error


def test_any_count_passes_without_known_bounds() -> None:
    assert bounds("intervals", Category.PRACTICE) is None
    assert bounds("laps", Category.OTHER) is None
    assert judge("intervals", Category.PRACTICE, 5) == Verdict(
        True, False, "5 rows; nothing is expected of this category", {"rows": 5}
    )


def test_sprint_without_radio_and_pit_stops_passes() -> None:
    assert judge("team_radio", Category.RACE, 0).passed
    assert judge("pit", Category.SPRINT, 0).passed


@pytest.mark.parametrize("endpoint", SESSION_ENDPOINTS, ids=lambda e: e.name)
def test_every_applicable_endpoint_has_ordered_bounds(endpoint: Endpoint) -> None:
    found = [limits for category in Category if (limits := bounds(endpoint.name, category))]
    assert found
    assert all(0 <= low < high for low, high in found)
    assert endpoint in ENDPOINTS
