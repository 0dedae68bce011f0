"""`f1 sessions`, loads by name, the confirmation of large loads and `f1 status`, in this process and without a source."""

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from calendar_2024 import calendar

from f1_lakehouse.cli.app import main
from f1_lakehouse.cli.load import _confirm
from f1_lakehouse.lakehouse import Lake, current_lake, open_once
from f1_lakehouse.runs.estimate import Estimate, estimate_seasons, seconds_for
from f1_lakehouse.runs.load import load
from f1_lakehouse.runs.selection import LoadError, Selection
from f1_lakehouse.sources.exchange import Window
from f1_lakehouse.sources.jolpica.source import JOLPICA
from f1_lakehouse.sources.openf1.endpoints import BY_NAME

PULLED_AT = datetime(2026, 1, 1, tzinfo=UTC)
SINGAPORE = next(one for one in calendar() if one.meeting_name.startswith("Singapore") and one.kind == "R")


@pytest.fixture
def lake(bronze_setup: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """A lake with the calendar of 2024, one loaded race, and a source that cannot be reached."""
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(bronze_setup.folder))
    monkeypatch.setenv("F1_OPENF1_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setattr("f1_lakehouse.cli.alerts.look_after", lambda: None)
    sessions, meetings = [], {}
    for one in (one for one in calendar() if one.season == 2024):
        place = {
            "meeting_key": one.meeting_key,
            "year": 2024,
            "location": one.location,
            "circuit_short_name": one.circuit,
            "country_name": one.country_name,
            "country_code": one.country_code,
        }
        end = one.start + timedelta(hours=2)
        sessions.append(
            place
            | {"session_key": one.key, "session_name": one.session_name}
            | {"date_start": one.start.isoformat(), "date_end": end.isoformat()}
        )
        meetings.setdefault(
            one.meeting_key, place | {"meeting_name": one.meeting_name, "date_start": one.start.isoformat()}
        )
    bronze_setup.pull(sessions, "sessions", 2024, at=PULLED_AT)
    bronze_setup.pull(list(meetings.values()), "meetings", 2024, at=PULLED_AT)
    driver = {"session_key": SINGAPORE.key, "meeting_key": SINGAPORE.meeting_key, "driver_number": 4}
    bronze_setup.pull([driver], "drivers", SINGAPORE.key, at=PULLED_AT)
    (bronze_setup.folder / "metrics").mkdir()
    open_once.cache_clear()
    yield current_lake()
    open_once.cache_clear()


def f1(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str], list[str]]:
    """Exit code, stdout and stderr of a command in this process."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out.splitlines(), said.err.splitlines()


class Quiet:
    """A listener of a load; `planned_work` is what would be loaded."""

    planned_work: Any = None

    def planned(self, work: Any) -> None:
        self.planned_work = work

    def session_started(self, one: Any) -> None: ...
    def stage(self, name: str) -> None: ...


class Stopped(Exception):
    """The load was not confirmed."""


def test_list_has_names_keys_and_what_is_loaded(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = f1(capsys, "sessions", "2024", "Singapore")
    assert code == 0
    assert out[0] == "2024 round 11: Singapore Grand Prix, Marina Bay, Singapore (times are UTC)"
    assert len(out) == 6
    assert out[1].split() == ["2024", "singapore", "fp1", *out[1].split()[3:]]
    assert out[1].endswith("not loaded")
    assert str(SINGAPORE.key) in out[5]
    assert out[5].endswith("1 of 15 endpoints loaded")


def test_words_without_a_year_are_looked_up_in_every_season_of_the_lake(
    lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = f1(capsys, "sessions", "monaco", "race")
    assert (code, len(out)) == (0, 2)
    assert "2024 monaco race" in out[1]


def test_without_a_connection_the_newest_season_of_the_lake_is_listed(
    lake: Lake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise LoadError("no connection")

    monkeypatch.setattr("f1_lakehouse.runs.selected_sessions.know_season", fail)
    code, out, err = f1(capsys, "sessions")
    assert (code, out[0][:5]) == (0, "2024 ")
    assert "this is 2024: no connection" in err[0]
    # A season that was named is never replaced by another one.
    code, out, err = f1(capsys, "sessions", "2025")
    assert (code, out, err) == (1, [], ["f1: no connection"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["2024", "zzzz"], "f1: no meeting in 2024 has the name 'zzzz'"),
        (["1994"], "earlier races are loaded by season: f1 load --season 1994"),
    ],
)
def test_nothing_found_is_one_line(
    lake: Lake, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    code, out, err = f1(capsys, "sessions", *words)
    assert (code, out, len(err)) == (1, [], 1)
    assert message in err[0]


def test_ambiguous_name_lists_the_command_of_each_session_and_loads_nothing(
    lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = f1(capsys, "load", "2024", "singapore")
    assert code == 1
    assert [line.split("  ")[1] for line in err[:-1]] == [
        *(f"f1 load 2024 singapore {kind}" for kind in ("fp1", "fp2", "fp3", "qualifying", "race")),
        f"f1 load --meeting {SINGAPORE.meeting_key}",
    ]
    assert err[-1] == "f1: '2024 singapore' means 5 sessions; choose one of these"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("singapore race", "names no season; begin with the year"),
        ("1994 monaco race", "f1 load --season 1994"),
        ("2024", "f1 load --season 2024 loads all of it, f1 sessions 2024 lists its sessions"),
    ],
)
def test_name_that_cannot_be_loaded_says_what_to_type(lake: Lake, name: str, message: str) -> None:
    with pytest.raises(LoadError, match=message):
        load(Selection(name=name), Quiet())


def test_named_session_is_loaded_with_its_grid_and_nothing_else(lake: Lake) -> None:
    seen: list[Estimate] = []

    def stop(estimate: Estimate) -> None:
        seen.append(estimate)
        raise Stopped

    with pytest.raises(Stopped):
        load(Selection(name="2024 SINGAPORE race"), Quiet(), confirm=stop)
    # 12 endpoints without telemetry but the drivers that are loaded, two of telemetry with 20 drivers, and the grid
    assert seen[0].requests == 12 + 2 * 20 + 1


def test_season_with_telemetry_is_confirmed_before_the_first_request(lake: Lake) -> None:
    listener, seen = Quiet(), []

    def stop(estimate: Estimate) -> None:
        seen.append(estimate)
        raise Stopped

    with pytest.raises(Stopped):
        load(Selection(seasons=[2024]), listener, confirm=stop)
    assert listener.planned_work is None
    assert seen[0].is_large
    assert seen[0].requests > 78 * 50
    with pytest.raises(Stopped):
        load(Selection(seasons=[2024], telemetry=False), listener, confirm=stop)
    assert not seen[1].is_large


def test_jolpica_next_to_openf1_costs_no_time_that_must_be_confirmed(
    lake: Lake,
) -> None:
    seen: list[Estimate] = []

    def stop(estimate: Estimate) -> None:
        seen.append(estimate)
        raise Stopped

    for sources in (["openf1"], ["openf1", "jolpica"]):
        with pytest.raises(Stopped):
            load(Selection(seasons=[2024], telemetry=False, sources=sources), Quiet(), confirm=stop)
    assert seen[0] == seen[1]


def test_large_load_without_a_terminal_needs_yes() -> None:
    large = Estimate(6480, 6480 / 30 * 60)
    with pytest.raises(Exception, match=r"about 6,480 requests and 3 h 36 min .* run it again with --yes"):
        _confirm(large, nullcontext, yes=False)
    _confirm(large, nullcontext, yes=True)
    _confirm(Estimate(1500, 3000), nullcontext, yes=False)
    # a server of one's own: no rate limit
    _confirm(Estimate(9000, 0), nullcontext, yes=False)


def test_lap_times_of_many_seasons_are_estimated_before_their_races_are_known(lake: Lake) -> None:
    names = {one.name for one in JOLPICA.endpoints}
    now = datetime(2026, 1, 1, tzinfo=UTC)
    seasons = list(range(1996, 2026))
    without = estimate_seasons(lake, JOLPICA, seasons, names, now, every_round=False, force=False)
    with_laps = estimate_seasons(lake, JOLPICA, seasons, names, now, every_round=True, force=False)
    # 11 requests for the laps of a race, and one for its pit stops since 2011
    assert with_laps.requests - without.requests == 20 * (30 * 11 + 15)
    assert with_laps.is_large
    assert with_laps.seconds >= with_laps.requests / 200 * 3600 - 3600


@pytest.mark.parametrize(
    ("requests", "windows", "seconds"),
    [
        (30, [Window(30, 60)], 0),
        (31, [Window(30, 60)], 60),
        (600, [Window(3, 1), Window(30, 60)], 19 * 60),
        (600, [], 0),
    ],
)
def test_time_of_a_load_follows_the_narrowest_window(
    requests: int, windows: list[Window], seconds: float
) -> None:
    assert seconds_for(requests, windows) == seconds


def test_status_is_one_row_per_season_and_lists_sessions_only_with_all(
    lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = f1(capsys, "status")
    assert code == 0
    text = "\n".join(out)
    assert "1 of 78" in text
    assert SINGAPORE.start.strftime("%Y-%m-%d-marina-bay-race") not in text
    assert "no session is due" in text
    _, out, _ = f1(capsys, "status", "--all")
    assert SINGAPORE.start.strftime("%Y-%m-%d-marina-bay-race") in "\n".join(out)


def test_failed_pull_of_an_old_session_is_listed(
    lake: Lake, bronze_setup: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    at = PULLED_AT + timedelta(hours=1)
    lake.bronze.fail(BY_NAME["laps"], SINGAPORE.key, 2024, "a", at, at, error="no answer")
    _, out, _ = f1(capsys, "status")
    [line] = [line for line in out if "marina-bay-race" in line]
    assert "laps" in line
