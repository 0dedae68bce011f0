"""What a load requests of Jolpica: seasons, rounds, and what is there already."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from f1_lakehouse.ingest import pull
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.runs.load import check_seasons, is_needed, selected_sources
from f1_lakehouse.runs.selection import LoadError, Selection, seasons_of
from f1_lakehouse.settings import Settings
from f1_lakehouse.simulator.ergast import History
from f1_lakehouse.simulator.history import write_history
from f1_lakehouse.simulator.jolpica import JolpicaApi, JolpicaServer
from f1_lakehouse.sources.jolpica import work as plans
from f1_lakehouse.sources.jolpica.calendar import Race
from f1_lakehouse.sources.jolpica.row_counts import judge_results
from f1_lakehouse.sources.jolpica.schedule import races_in
from f1_lakehouse.sources.jolpica.source import JOLPICA
from f1_lakehouse.sources.jolpica.tables import BY_NAME, ENDPOINTS
from f1_lakehouse.sources.multiviewer.source import MULTIVIEWER
from f1_lakehouse.sources.openf1.source import OPENF1
from f1_lakehouse.sources.source import Work

ALL = {endpoint.name for endpoint in ENDPOINTS}
NOW = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with JolpicaServer(JolpicaApi(History(write_history(tmp_path / "tables")))) as server:
        yield Lake.open(
            Settings(lakehouse_root=tmp_path / "lake", jolpica_url=server.url, jolpica_requests_per_second=0)
        )


def season_work(lake: Lake, seasons: list[int], *rest: Any, **more: Any) -> list[Work]:
    """As the load calls it."""
    return plans.season_work(races_in(lake, seasons), lake.bronze.pull_log.of, seasons, *rest, **more)


def round_work(lake: Lake, seasons: list[int], *rest: Any, **more: Any) -> list[Work]:
    """As the load calls it."""
    return plans.round_work(races_in(lake, seasons), lake.bronze.pull_log.of, seasons, *rest, **more)


def planned(work: list[Work]) -> dict[str, set[str]]:
    return {one.partition.label: {name.removeprefix("jolpica_") for name in one.endpoints} for one in work}


def do(lake: Lake, work: list[Work]) -> None:
    for one in work:
        for name in one.endpoints:
            pull(lake, BY_NAME[name], one.partition, why=one.why)


def test_first_load_has_whole_resources_and_what_exists_of_each_season(lake: Lake) -> None:
    assert planned(season_work(lake, [1957, 1994, 2021], ALL, NOW)) == {
        "all": {"seasons", "circuits", "constructors", "drivers", "status"},
        "1957": {"races", "results", "driver_standings"},
        "1994": {"races", "results", "driver_standings", "qualifying", "constructor_standings"},
        "2021": {"races", "results", "driver_standings", "qualifying", "constructor_standings", "sprint"},
    }


def test_what_is_there_is_not_requested_again_unless_forced(lake: Lake) -> None:
    do(lake, season_work(lake, [1957], ALL, NOW))
    now = datetime.now(UTC)
    assert season_work(lake, [1957], ALL, now) == []
    assert set(planned(season_work(lake, [1957], ALL, now, force=True))) == {"all", "1957"}


def test_laps_of_old_races_are_requested_only_when_asked_for(lake: Lake) -> None:
    do(lake, season_work(lake, [1957], {"jolpica_races"}, NOW))
    assert round_work(lake, [1957], ALL, NOW) == []
    # Laps exist since 1996 and pit stops since 2011: nothing can be requested of 1957.
    assert round_work(lake, [1957], ALL, NOW, lap_times=True) == []


def test_season_that_was_never_loaded_is_due_only_if_it_is_followed(lake: Lake) -> None:
    assert "1957" not in planned(season_work(lake, [1957], ALL, NOW, followed={2026}))


@pytest.mark.parametrize(
    ("seasons", "message"),
    [([1949], "season 1949: Jolpica has seasons from 1950"), ([1950, 2030], "season 2030")],
)
def test_unknown_season_is_an_error_in_one_line(seasons: list[int], message: str) -> None:
    assert message in str(check_seasons(seasons, [JOLPICA], NOW))


def test_sources_are_those_named_or_those_of_the_settings(lake: Lake) -> None:
    assert selected_sources(lake, Selection(seasons=[1957], sources=["jolpica"]), NOW) == [JOLPICA]
    followed = selected_sources(lake, Selection(seasons=[2024]), NOW)
    assert tuple(source.name for source in followed) == lake.settings.sources
    with pytest.raises(LoadError, match="there is no source 'ergast'; there are: openf1, jolpica"):
        selected_sources(lake, Selection(sources=["ergast"]), NOW)
    with pytest.raises(LoadError, match="has no sessions and meetings"):
        selected_sources(lake, Selection(sessions=["9606"], sources=["jolpica"]), NOW)


def test_load_needs_a_source_only_for_seasons_and_rounds_that_no_other_has() -> None:
    assert is_needed(JOLPICA, Selection(), [1957, 2026], 2023)
    assert not is_needed(JOLPICA, Selection(), [2026], 2023)
    assert is_needed(JOLPICA, Selection(lap_times=True), [2026], 2023)
    assert not is_needed(MULTIVIEWER, Selection(lap_times=True), [2026], 2023)


def test_seasons_before_2023_and_resources_of_jolpica_need_no_openf1() -> None:
    both = (OPENF1, JOLPICA)
    assert Selection(seasons=[1957]).sessions_part(both) is None
    assert Selection(seasons=[2024], endpoints=["jolpica_results"]).sessions_part(both) is None
    mixed = Selection(seasons=[1957, 2024]).sessions_part(both)
    assert mixed is not None
    assert mixed.seasons == [2024]
    assert Selection(sessions=["9606"]).names_of(JOLPICA) == set()
    assert Selection(seasons=[2024], endpoints=["laps"]).names_of(JOLPICA) == set()


def test_race_without_results_two_days_after_its_end_is_named() -> None:
    races = [
        Race(2026, number, NOW - timedelta(hours=hours), f"Race {number}")
        for number, hours in ((1, 500), (2, 49), (3, 47))
    ]
    assert judge_results(races, {1, 2}, NOW).passed
    late = judge_results(races, {1}, NOW)
    assert (late.passed, late.is_error) == (False, False)
    assert late.message == "1 race without results: 2 (Race 2)"


def test_seasons_are_years_and_ranges() -> None:
    assert seasons_of(["2024", "1950-1952", "1951"]) == [1950, 1951, 1952, 2024]
    assert seasons_of([]) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [("1999-1950", "write 1950-1999"), ("24", "a year"), ("2024-", "a year"), ("all", "a year")],
)
def test_season_that_is_neither_is_an_error_with_the_cure(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        seasons_of([text])
