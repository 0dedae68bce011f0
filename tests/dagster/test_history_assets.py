"""Jolpica in Dagster: runs of `history` and `history_rounds`, their checks, and what the sensor asks for."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from defs_instance import instance_in

from f1_lakehouse import lakehouse
from f1_lakehouse.defs.partitions import ensure_partitions
from f1_lakehouse.defs.resources import LakeResource
from f1_lakehouse.defs.sensors import due_now, gold_behind_bronze, idle, requests_of
from f1_lakehouse.ingest import loading
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.runs.repository import repository
from f1_lakehouse.settings import load_settings
from f1_lakehouse.simulator.ergast import History
from f1_lakehouse.simulator.generate import generate
from f1_lakehouse.simulator.history import write_history
from f1_lakehouse.simulator.jolpica import JolpicaApi, JolpicaServer
from f1_lakehouse.simulator.server import ReplayServer
from f1_lakehouse.sources.jolpica.calendar import Race, partition_of
from f1_lakehouse.sources.jolpica.source import JOLPICA

SEASON = 2024


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    generate(folder, season=SEASON, meetings=1, seed=3)
    return write_history(folder / "jolpica", folder)


@pytest.fixture
def api(tables: Path) -> JolpicaApi:
    return JolpicaApi(History(tables))


@pytest.fixture
def instance(
    api: JolpicaApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    lakehouse.open_once.cache_clear()
    with JolpicaServer(api) as server, instance_in(tmp_path / "dagster") as instance:
        monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(tmp_path / "lake"))
        monkeypatch.setenv("F1_SOURCES", "openf1 jolpica")
        monkeypatch.setenv("F1_JOLPICA_URL", server.url)
        monkeypatch.setenv("F1_JOLPICA_REQUESTS_PER_SECOND", "0")
        monkeypatch.setenv("F1_JOLPICA_REQUESTS_PER_HOUR", "0")
        yield instance


def run(instance: dg.DagsterInstance, job: str, **rest: Any) -> dg.ExecuteInProcessResult:
    found = repository(with_dbt=False).get_job(job)
    return found.execute_in_process(instance=instance, raise_on_error=False, **rest)


def history_requests(instance: dg.DagsterInstance, lake: Lake, now: datetime) -> list[dg.RunRequest]:
    """What the sensor `session_due` requests of Jolpica."""
    work = dict(due_now(lake, now)).get(JOLPICA, [])
    return list(requests_of(JOLPICA, instance, idle(instance, JOLPICA, work), now))


def counts(result: dg.ExecuteInProcessResult) -> dict[str, int]:
    return {
        event.asset_key.path[-1]: event.materialization.metadata["dagster/row_count"].value  # type: ignore[union-attr]
        for event in result.all_events
        if event.is_step_materialization
    }


def test_season_is_a_partition_and_what_is_there_is_not_requested_again(
    instance: dg.DagsterInstance, api: JolpicaApi
) -> None:
    first = run(instance, "history", partition_key="1957")
    assert first.success
    assert counts(first) == {
        "jolpica_seasons": 2,
        "jolpica_circuits": 5,
        "jolpica_constructors": 14,
        "jolpica_drivers": 126,
        "jolpica_status": 8,
        "jolpica_races": 4,
        "jolpica_results": 126,
        "jolpica_qualifying": 0,
        "jolpica_sprint": 0,
        "jolpica_driver_standings": 106,
        "jolpica_constructor_standings": 0,
    }
    assert {one.passed for one in first.get_asset_check_evaluations()} == {True}
    assert not any("qualifying" in one.target or "sprint" in one.target for one in api.requests)
    before = len(api.requests)
    again = run(instance, "history", partition_key="1957")
    assert counts(again) == counts(first)
    assert len(api.requests) == before
    names = instance.get_dynamic_partitions("rounds")
    assert names[0] == "1957-01-oldtown-grand-prix-generated-195701"


def test_round_is_a_partition_and_has_its_laps(instance: dg.DagsterInstance) -> None:
    run(
        instance,
        "history",
        partition_key=str(SEASON),
        asset_selection=[dg.AssetKey(["bronze", "jolpica_races"])],
    )
    (name,) = instance.get_dynamic_partitions("rounds")
    done = run(instance, "history_rounds", partition_key=name)
    assert done.success
    assert min(counts(done).values()) > 0
    assert {one.partition for one in done.get_asset_check_evaluations()} == {name}


def test_source_that_is_down_fails_the_run_in_one_line(instance: dg.DagsterInstance, api: JolpicaApi) -> None:
    api.down = True
    from f1_lakehouse.sources import http

    patch = pytest.MonkeyPatch()
    patch.setattr(http.HttpClient, "_sleep", lambda *_: None)
    try:
        selection = [dg.AssetKey(["bronze", "jolpica_races"])]
        done = run(instance, "history", partition_key="1957", asset_selection=selection)
    finally:
        patch.undo()
    assert not done.success
    (failure,) = [event.step_failure_data for event in done.all_events if event.is_step_failure]
    assert "Jolpica answered 503" in str(failure.user_failure_data.description)


def test_daemon_follows_the_current_season_and_nothing_that_was_never_loaded(
    instance: dg.DagsterInstance, api: JolpicaApi
) -> None:
    now = datetime.now(UTC)
    race = api.history.tables["races"][-1]
    race |= {"year": str(now.year), "date": f"{now - timedelta(days=2):%Y-%m-%d}"}
    api.history.forget()
    lake = lakehouse.current_lake()
    asked = list(history_requests(instance, lake, now))
    season = str(now.year)
    assert [(one.job_name, one.partition_key) for one in asked] == [("history", None), ("history", season)]
    assert run(instance, "history", partition_key=season).success
    asked = list(history_requests(instance, lake, now))
    assert [one.job_name for one in asked] == ["history_rounds"]
    assert str(asked[0].partition_key).endswith(f"-{season}01")
    assert {key.path[-1] for key in asked[0].asset_selection or []} == {"jolpica_laps", "jolpica_pitstops"}


def test_daemon_leaves_jolpica_alone_where_it_is_switched_off(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("F1_SOURCES", "openf1")
    lake = Lake.open(load_settings())
    assert list(history_requests(instance, lake, datetime.now(UTC))) == []


def test_names_of_rounds_stay_when_a_race_is_renamed(instance: dg.DagsterInstance) -> None:
    end = datetime(1957, 5, 19, tzinfo=UTC)
    one = Race(1957, 2, end, "Monaco Grand Prix")
    assert ensure_partitions(instance, JOLPICA, [partition_of(195702, [one])]) == {
        195702: "1957-02-monaco-grand-prix-195702"
    }
    renamed = Race(1957, 2, end + timedelta(hours=1), "Grand Prix de Monaco")
    assert ensure_partitions(instance, JOLPICA, [partition_of(195702, [renamed])]) == {
        195702: "1957-02-monaco-grand-prix-195702"
    }


def tick(instance: dg.DagsterInstance) -> tuple[int, str | None]:
    """What `gold_behind_bronze` says: the number of runs that it requests, and why it skips."""
    context = dg.build_sensor_context(instance=instance, resources={"lake": LakeResource()})
    data = gold_behind_bronze.evaluate_tick(context)
    return len(data.run_requests or ()), data.skip_message


RACES = [dg.AssetKey(["bronze", "jolpica_races"])]


def test_history_load_of_hours_starts_one_transform(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("F1_SOURCES", "openf1")  # as a load by command: nothing is due of the other source
    lake = lakehouse.current_lake()
    with loading(lake.settings.root, "jolpica"):
        for season in ("1957", str(SEASON)):
            assert run(instance, "history", partition_key=season, asset_selection=RACES).success
            # A pause of the load: no run is active.
            assert tick(instance) == (0, "waiting for a load from Jolpica")
    assert tick(instance) == (1, None)


def test_transform_waits_for_the_end_of_a_backfill(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("F1_SOURCES", "openf1")
    assert run(instance, "history", partition_key="1957", asset_selection=RACES).success
    backfill = PartitionBackfill(
        backfill_id="history",
        status=BulkActionStatus.REQUESTED,
        from_failure=False,
        tags={},
        backfill_timestamp=datetime.now(UTC).timestamp(),
        asset_selection=[dg.AssetKey(["bronze", "jolpica_results"])],
    )
    instance.add_backfill(backfill)
    assert tick(instance) == (0, "waiting for the backfill history")
    instance.update_backfill(backfill.with_status(BulkActionStatus.COMPLETED_SUCCESS))
    assert tick(instance) == (1, None)


def test_sessions_are_published_while_a_history_load_is_at_work(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(tmp_path / "openf1", season=SEASON, meetings=1, seed=3)
    lake = lakehouse.current_lake()
    with loading(lake.settings.root, "jolpica"), ReplayServer(tmp_path / "openf1") as server:
        assert run(instance, "history", partition_key="1957", asset_selection=RACES).success
        instance.create_run_for_job(
            repository(with_dbt=False).get_job("history"), status=dg.DagsterRunStatus.STARTED
        )
        assert tick(instance)[0] == 0
        monkeypatch.setenv("F1_OPENF1_URL", server.url)
        lakehouse.open_once.cache_clear()
        assert run(instance, "calendar", partition_key=str(SEASON)).success
        assert tick(instance) == (1, None)
