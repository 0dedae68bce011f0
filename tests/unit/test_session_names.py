"""What the name of a session means: words for the meeting, the kind, rounds, accents, typing errors, and the errors."""

import pickle

import pytest
from calendar_2024 import calendar

from f1_lakehouse.session_names import (
    AmbiguousSessionError,
    NamedSession,
    SessionNameError,
    match,
    name_of,
    parse,
    resolve,
)

CALENDAR = calendar()


def meant(text: str, sessions: list[NamedSession] = CALENDAR) -> str:
    found = resolve(sessions, parse(text))
    return f"{found.season} {found.meeting_name.removesuffix(' Grand Prix')} {found.kind}"


@pytest.mark.parametrize(
    ("text", "session"),
    [
        ("2024 singapore race", "2024 Singapore R"),
        ("Singapore 2024 R", "2024 Singapore R"),
        ("2024 MARINA BAY quali", "2024 Singapore Q"),
        ("2024 sgp fp2", "2024 Singapore FP2"),
        ("2024 singapore grand prix free practice 3", "2024 Singapore FP3"),
        ("2024 singapore p1", "2024 Singapore FP1"),
        ("2024 são paulo sprint", "2024 São Paulo S"),
        ("2024 SAO PAULO sprint race", "2024 São Paulo S"),
        ("2024 saopaulo sq", "2024 São Paulo SQ"),
        ("2024 interlagos sprint qualifying", "2024 São Paulo SQ"),
        ("2024 brazil sprint shootout", "2024 São Paulo SQ"),
        ("2023 austria shootout", "2023 Austrian SQ"),
        ("2024 monte carlo race", "2024 Monaco R"),
        ("2024 las vegas gp race", "2024 Las Vegas R"),
        ("2024 spa q", "2024 Belgian Q"),
        ("2024 abudhabi race", "2024 Abu Dhabi R"),
        ("2024 emirates race", "2024 Abu Dhabi R"),
        # the Grand Prix with the name itself before others in the same country, and before a test there
        ("2024 united states race", "2024 United States R"),
        ("2024 usa q", "2024 United States Q"),
        ("2024 uae race", "2024 Abu Dhabi R"),
        ("2024 austin race", "2024 United States R"),
        ("2024 cota race", "2024 United States R"),
        ("2024 testing day 2", "2024 Pre-Season Testing D2"),
        ("2024 bahrain test d1", "2024 Pre-Season Testing D1"),
        ("2024 bahrain race", "2024 Bahrain R"),
        # a code before a word that begins with it
        ("2024 aus race", "2024 Australian R"),
        ("2024 aut race", "2024 Austrian R"),
        ("2024 round 11 race", "2024 Singapore R"),
        ("2024 r11 q", "2024 Singapore Q"),
        ("2024 11 r", "2024 Singapore R"),
    ],
)
def test_name_means_one_session(text: str, session: str) -> None:
    assert meant(text) == session
    assert not match(CALENDAR, parse(text)).is_typo


@pytest.mark.parametrize(
    ("text", "session"),
    [
        ("2024 singapoor race", "2024 Singapore R"),
        ("2024 suzka race", "2024 Japanese R"),
        ("2024 brasil race", "2024 São Paulo R"),
    ],
)
def test_typing_error_is_taken_for_the_similar_word_and_reported(text: str, session: str) -> None:
    assert meant(text) == session
    assert match(CALENDAR, parse(text)).is_typo


def test_similar_country_is_not_a_typing_error() -> None:
    without_austria = [one for one in CALENDAR if one.country_code != "AUT"]
    with pytest.raises(
        SessionNameError, match=r"no meeting in 2024 has the name 'austria'.*Australian Grand Prix"
    ):
        resolve(without_austria, parse("2024 austria race"))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("2024 singapore", ["2024 singapore fp1", "2024 singapore fp2", "2024 singapore fp3"]),
        ("2024 italy race", ["2024 emilia romagna race", "2024 italian race"]),
        ("monaco race", ["2023 monaco race", "2024 monaco race"]),
        ("2024 monaco practice", ["2024 monaco fp1", "2024 monaco fp2", "2024 monaco fp3"]),
    ],
)
def test_candidates_of_an_ambiguous_name_have_names_that_mean_only_them(text: str, names: list[str]) -> None:
    with pytest.raises(AmbiguousSessionError) as raised:
        resolve(CALENDAR, parse(text))
    assert list(raised.value.candidates.values())[: len(names)] == names
    assert all(resolve(CALENDAR, parse(name or "")) == one for one, name in raised.value.candidates.items())
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "2024 singapore sprint",
            "Singapore Grand Prix 2024 has no sprint session; it has FP1, FP2, FP3, Q, R",
        ),
        ("2024 round 40 race", "there is no round 40 in 2024; there are 1 to 15"),
        ("2024 2023 monaco race", "names 2 seasons; name one"),
        ("2024 zzzz race", "no meeting in 2024 has the name 'zzzz'; f1 sessions 2024 lists them"),
        ("zzzz race", f"no meeting has the name 'zzzz'; f1 sessions {max(CALENDAR).season} lists them"),
        ("2024 singaporean race", "the nearest are: Singapore Grand Prix"),
        # a sponsor or a country of another meeting is never taken instead
        ("2024 qatar race", "no meeting in 2024 has the name 'qatar'"),
    ],
)
def test_name_without_a_session_is_one_line_with_the_cure(text: str, message: str) -> None:
    with pytest.raises(SessionNameError) as raised:
        resolve(CALENDAR, parse(text))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_every_session_has_a_name_that_means_only_it() -> None:
    names = {one: name_of(one, CALENDAR) for one in CALENDAR}
    assert None not in names.values()
    assert all(resolve(CALENDAR, parse(name or "")) == one for one, name in names.items())


def test_session_that_no_name_means_has_none() -> None:
    [day, *_] = [one for one in CALENDAR if one.kind == "D1"]
    another = NamedSession(**{**vars(day), "key": 1, "meeting_key": 99})
    assert name_of(day, [*CALENDAR, another]) is None


def test_rounds_count_neither_tests_nor_cancelled_meetings() -> None:
    def rounds(sessions: list[NamedSession]) -> dict[str, int | None]:
        return {one.meeting_name: one.round_number for one in sessions if one.season == 2024}

    before, after = rounds(CALENDAR), rounds(calendar(cancelled="Japanese Grand Prix"))
    assert (before["Pre-Season Testing"], before["Bahrain Grand Prix"]) == (None, 1)
    assert (before["Japanese Grand Prix"], before["Miami Grand Prix"]) == (3, 4)
    assert (after["Japanese Grand Prix"], after["Miami Grand Prix"]) == (None, 3)


def test_list_has_every_meeting_with_the_word_and_the_best_match_has_one() -> None:
    name = parse("2024 bahrain")
    assert len(match(CALENDAR, name, best=False).meetings) == 2
    assert [one.meeting_name for one in match(CALENDAR, name).meetings] == ["Bahrain Grand Prix"]
