"""Which page `f1 report --session` means."""

import pytest
from calendar_2024 import calendar

from f1_lakehouse.cli.report import page_of
from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.session_names import NamedSession

CALENDAR = calendar()


def session(meeting: str, kind: str) -> NamedSession:
    return next(
        one
        for one in CALENDAR
        if one.season == 2024 and one.meeting_name.startswith(meeting) and one.kind == kind
    )


RACE, QUALIFYING, MONACO = session("Singapore", "R"), session("Singapore", "Q"), session("Monaco", "R")
PAGES = {QUALIFYING.key: "qualifying.html", RACE.key: "race.html"}


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("2024 singapore race", "race.html"),
        ("2024 Singapore Q", "qualifying.html"),
        (str(QUALIFYING.key), "qualifying.html"),
        ("latest", "race.html"),
    ],
)
def test_page_is_found_by_name_by_key_and_as_the_latest(text: str, page: str) -> None:
    assert page_of(PAGES, CALENDAR, text) == page


@pytest.mark.parametrize(
    ("pages", "text", "message"),
    [
        (PAGES, "1", "session 1 is not in published gold; run f1 load --session 1"),
        (PAGES, "2024 monaco race", f"{MONACO.title} is not in published gold; run f1 load 2024 monaco race"),
        (PAGES, "2024 singapore", "means 5 sessions"),
        (PAGES, "2024 zzzz", "no meeting in 2024 has the name 'zzzz'"),
        ({}, "latest", "published gold has no session; run f1 load"),
    ],
)
def test_session_without_a_page_is_one_line_with_the_cure(
    pages: dict[int, str], text: str, message: str
) -> None:
    with pytest.raises(F1LakehouseError) as raised:
        page_of(pages, CALENDAR, text)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
