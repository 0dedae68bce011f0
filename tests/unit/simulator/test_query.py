"""The query grammar, asked over HTTP: which rows each form of a question finds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pytest
import requests
from served_rows import NOW

from f1_lakehouse.simulator.query import QueryError, cast, parse
from f1_lakehouse.simulator.server import ReplayServer


class Values(Protocol):
    def __call__(self, target: str, name: str) -> list[Any]: ...


class Ask(Protocol):
    def __call__(self, target: str) -> requests.Response: ...


@pytest.mark.parametrize(
    ("query", "laps"),
    [
        ("lap_number=3", [3]),
        ("lap_number>=5", [5, 6]),
        ("lap_number<=2", [1, 2]),
        ("lap_number>5", [6]),
        ("lap_number<2", [1]),
        ("lap_number%3E=5", [5, 6]),
        ("lap_number%3E%3D5", [5, 6]),
        ("lap_number%3C2", [1]),
        ("LAP_NUMBER>5", [6]),
        ("lap_number=3.0", [3]),
        ("lap_number>4.5", [5, 6]),
        ("lap_number=1&lap_number=4", [1, 4]),
        ("lap_number>=2&lap_number<4", [2, 3]),
        ("lap_number>=1&lap_number<=2&lap_number>=5&lap_number<=6", [1, 2, 5, 6]),
        ("lap_number>=5&lap_number>=1&lap_number<=6&lap_number<=2", [1, 2, 5, 6]),
        ("lap_number>=5&lap_number<=2", [1, 2, 5, 6]),
        ("lap_number>=2&lap_number<=3&lap_number>5", [2, 3, 6]),
        ("lap_number=6&lap_number>=2&lap_number<=3", [2, 3, 6]),
        ("lap_number>4&lap_number>4", [5, 6]),
        ("lap_number>=2&lap_number>=2&lap_number<=3&lap_number<=5", [1, 2, 3, 4, 5]),
        ("lap_number=1_000", []),
        ("lap_number=nan", []),
        ("lap_number<inf", [1, 2, 3, 4, 5, 6]),
        ("lap_number=true", []),
        ("is_pit_out_lap=TRUE", [1]),
        ("is_pit_out_lap=1", []),
        ("lap_duration=null", []),
        ("lap_duration=None", []),
        ("lap_duration>0", [2, 3, 4, 5, 6]),
        ("segments_sector_1=2049", []),
        ("segments_sector_1>0", []),
        ("limit=5", []),
        ("a>=lap_number=3", []),
    ],
)
def test_filter_selects_exactly_these_laps(values: Values, query: str, laps: list[int]) -> None:
    assert sorted(values(f"laps?session_key=11&driver_number=1&{query}", "lap_number")) == laps


def test_filters_on_different_fields_are_combined_with_and(values: Values) -> None:
    assert values("laps?driver_number=4&lap_number=2", "lap_duration") == [92.04]


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("date=2025-07-05", [5, 5]),
        ("date>2025-07-05", [6]),
        ("date>=2025-07-05", [5, 5, 6]),
        ("date<2025-07-05", [4]),
        ("date<=2025-07-05", [4, 5, 5]),
        ("date=2025-07-05T00:00:00", [5]),
        ("date>2025-07-05T00:00:00", [5, 6]),
        ("date>=2025-07-05T00:00:00Z", [5, 5, 6]),
        ("date>=2025-07-05T02:00:00%2B02:00", [5, 5, 6]),
        ("date>=2025-07-05T02:00:00+02:00", [5, 5, 6]),
        ("date>=2025-07-05%2002:00:00+02:00", []),
        ("date%3E=2025-07-06", [6]),
        ("date>==2025-07-05", []),
        ("date%3E%3D=2025-07-05", []),
        ("date>=5-juli-2025", []),
        ("date<2025-07-05&date>2025-07-05", [4, 6]),
        ("date=2025-07-04&date=2025-07-06", [4, 6]),
        ("date=2025-07-04T23:59:59.9995", [4]),
    ],
)
def test_date_filter_selects_exactly_these_days(values: Values, query: str, days: list[int]) -> None:
    found = values(f"weather?session_key=11&{query}", "date")
    assert sorted(int(date[8:10]) for date in found) == days


def test_params_of_requests_with_the_operator_in_the_key_lose_every_row(server: ReplayServer) -> None:
    trap = requests.get(f"{server.url}/weather", params={"date>=": "2025-07-05"}, timeout=10)
    works = requests.get(f"{server.url}/weather", params={"date>": "2025-07-06"}, timeout=10)
    assert (trap.status_code, works.status_code, len(works.json())) == (404, 200, 1)


@pytest.mark.parametrize(
    ("query", "gaps"),
    [
        ("gap_to_leader>0", [0.5, 2]),
        ("gap_to_leader<=2.0", [0.5, 2]),
        ("gap_to_leader=2.0", [2]),
        ("gap_to_leader=%2B1%20LAP", ["+1 LAP"]),
        ("gap_to_leader=+1 LAP".replace(" ", "%20"), []),
        ("gap_to_leader>=%2B1%20LAP", ["+1 LAP", "+2 LAPS"]),
        ("gap_to_leader<2025-01-01", []),
    ],
)
def test_values_compare_only_within_their_type(values: Values, query: str, gaps: list[Any]) -> None:
    assert values(f"intervals?{query}", "gap_to_leader") == gaps


def test_types_that_cannot_be_ordered_on_one_field_are_an_error(ask: Ask) -> None:
    response = ask("intervals?gap_to_leader>0&gap_to_leader=%2B1%20LAP")
    assert response.status_code == 500
    assert response.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("target", ["sessions?country_code=MON", "drivers?name_acronym=MAR"])
def test_a_three_letter_word_that_reads_as_a_date_finds_nothing(values: Values, target: str) -> None:
    assert values(target, "session_key") == []


def test_other_three_letter_words_find_their_rows(values: Values) -> None:
    assert values("sessions?country_code=GBR", "session_key") == [11]


def test_values_keep_their_case(values: Values) -> None:
    assert values("sessions?country_code=gbr", "session_key") == []


@pytest.mark.parametrize("target", ["sessions?gmt_offset=01:00:00", "drivers?team_colour=229971"])
def test_offsets_and_colours_stay_text(values: Values, target: str) -> None:
    assert values(target, "session_key") == [11]


def test_upper_case_offset_field_is_cast_and_lost(values: Values) -> None:
    assert values("drivers?Team_Colour=229971", "session_key") == []


@pytest.mark.parametrize("query", ["session_key=", "session_key", "csv", "session_key=11&driver_number"])
def test_a_parameter_without_a_value_is_an_error(ask: Ask, query: str) -> None:
    response = ask(f"laps?{query}")
    assert response.status_code == 500
    assert "No valid operator found" in response.text


def test_latest_is_the_newest_session_that_has_begun_and_is_not_cancelled(values: Values) -> None:
    assert values("sessions?session_key=latest", "session_key") == [12]
    assert values("sessions?meeting_key=latest", "meeting_key") == [2]


def test_latest_may_be_a_minute_ahead(folder: Path) -> None:
    with ReplayServer(folder, now=lambda: datetime(2025, 7, 7, 12, 1, tzinfo=UTC)) as server:
        row = requests.get(f"{server.url}/sessions?session_key=latest", timeout=10).json()[0]
    assert row["session_key"] == 14


def test_latest_works_with_any_operator_and_only_in_lower_case(values: Values) -> None:
    assert values("sessions?session_key>latest", "session_key") == [13, 14]
    assert values("sessions?session_key=LATEST", "session_key") == []


def test_latest_before_any_session_has_begun_finds_nothing(folder: Path) -> None:
    with ReplayServer(folder, now=lambda: datetime(2020, 1, 1, tzinfo=UTC)) as server:
        assert requests.get(f"{server.url}/laps?session_key=latest", timeout=10).status_code == 404


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("True", True),
        ("7", 7),
        ("1_000", 1000),
        ("1e3", 1000.0),
        ("2025-07-05", datetime(2025, 7, 5, tzinfo=UTC)),
        ("2025-07-05T16:00:00+02:00", datetime(2025, 7, 5, 14, tzinfo=UTC)),
        ("14:30", datetime(2025, 7, 7, 14, 30, tzinfo=UTC)),
        ("Verstappen", "Verstappen"),
    ],
)
def test_a_value_is_cast_to_the_first_type_it_reads_as(text: str, value: object) -> None:
    found = cast(text, now=NOW)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize("raw", ["x", "x=", "date=0001-01-01T00:00:00%2B10:00", "a=1&a=b"])
def test_invalid_query_raises_an_error_with_the_cause(raw: str) -> None:
    with pytest.raises(QueryError, match=r"\w{3}"):
        parse(raw, now=NOW, latest=lambda field: 1)
