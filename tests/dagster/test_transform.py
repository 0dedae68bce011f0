"""Silver, gold, checks and publish in one run: what is published and what blocks it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import dagster as dg
import duckdb
import orjson
import pytest
from defs_instance import instance_in
from deltalake import DeltaTable
from library_versions import set_tested
from loaded_lake import LoadedLake

from f1_lakehouse import lakehouse
from f1_lakehouse.dbt import waiting_process
from f1_lakehouse.dbt.build_selection import unchanged_tables
from f1_lakehouse.dbt.duckdb_engine import DuckDbEngine
from f1_lakehouse.dbt.manifest import manifest, nodes
from f1_lakehouse.dbt.waiting_process import dbt_may_wait, start_waiting
from f1_lakehouse.dbt.warehouse import WarehouseError, check_readable
from f1_lakehouse.defs import checks
from f1_lakehouse.defs.checks import (
    gold_answers_at_once,
    newest_session_is_published,
    runs_take_no_longer_than_they_should,
    silver_reconciles_with_bronze_check,
)
from f1_lakehouse.defs.dbt import (
    TransformConfig,
    build_held,
    check_all_built,
    dbt_arguments,
    dbt_build_asset,
    in_order_of_tables,
    kept_tables,
    left_out_of_build,
    translator,
)
from f1_lakehouse.defs.monitoring import monitor_runs
from f1_lakehouse.defs.resources import LakeResource
from f1_lakehouse.instance.dbt_integration import dbt_resource
from f1_lakehouse.instance.run_metadata import UNCHANGED
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.observability.run_log import RunRecord
from f1_lakehouse.publishing.build_record import Build, last_build
from f1_lakehouse.publishing.publication import publication
from f1_lakehouse.runs.repository import repository
from f1_lakehouse.settings import Settings
from f1_lakehouse.site.site import FAMILIES


@dataclass(frozen=True)
class FinishedRun:
    """A run as its instance recorded it."""

    run_id: str
    events: list[dg.DagsterEvent]

    @property
    def checks(self) -> list[dg.AssetCheckEvaluation]:
        return [
            e.asset_check_evaluation_data
            for e in self.events
            if e.event_type_value == "ASSET_CHECK_EVALUATION"
        ]

    @property
    def materializations(self) -> list[dg.AssetMaterialization]:
        return [e.step_materialization_data.materialization for e in self.events if e.is_step_materialization]


@pytest.fixture(scope="module")
def built(
    loaded_lake: LoadedLake, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Lake, dg.DagsterInstance, FinishedRun]]:
    """A copy of the loaded lake, and the run that built and published it."""
    before = dict(os.environ)
    root = loaded_lake.copy(tmp_path_factory.mktemp("built") / "lake")
    lakehouse.open_once.cache_clear()
    with instance_in(root / "dagster") as instance:
        os.environ.update(F1_LAKEHOUSE_ROOT=str(root))
        [run] = instance.get_runs(dg.RunsFilter(job_name="transform", statuses=[dg.DagsterRunStatus.SUCCESS]))
        events = [entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.is_dagster_event]
        yield lakehouse.current_lake(), instance, FinishedRun(run.run_id, events)
    os.environ.clear()
    os.environ.update(before)


def run(instance: dg.DagsterInstance, job: str, **rest) -> dg.ExecuteInProcessResult:
    return (
        repository(with_dbt=True)
        .get_job(job)
        .execute_in_process(instance=instance, raise_on_error=False, **rest)
    )


def test_passing_build_is_published_with_its_bronze_version(built):
    lake, _, _ = built
    assert publication(lake.settings).bronze_version == lake.bronze.pull_log.version()
    with duckdb.connect(str(lake.settings.gold), read_only=True) as con:
        assert con.execute("select count(*) from fact_results where position = 1").fetchall() == [(1,)]


def test_dbt_tests_are_checks_of_their_models_with_their_severity(built):
    _, _, result = built
    checks = [e for e in result.checks if e.asset_key.path[0] == "gold"]
    assert len(checks) > 40
    assert all(e.passed for e in checks if e.severity is dg.AssetCheckSeverity.ERROR and not e.passed)


def test_each_planned_check_has_one_result_and_only_tables_are_outputs(built):
    """An output of a check would take half of the time that its result takes; nothing reads it."""
    _, _, result = built
    planned = [
        (one.asset_key, one.check_name)
        for e in result.events
        if e.event_type_value == "ASSET_CHECK_EVALUATION_PLANNED"
        for one in [e.event_specific_data]
    ]
    assert len(planned) > 500
    assert sorted((one.asset_key, one.check_name) for one in result.checks) == sorted(planned)
    of_dbt_tests = {(spec.asset_key, spec.name): spec.blocking for spec in dbt_build_asset().check_specs}
    stored = {(one.asset_key, one.check_name): one.blocking for one in result.checks}
    assert of_dbt_tests.items() <= stored.items()
    assert set(of_dbt_tests.values()) == {True, False}
    of_dbt = [e for e in result.events if e.step_key == "dbt_build"]
    outputs = [e.step_output_data.output_name for e in of_dbt if e.is_successful_output]
    assert len(outputs) == len([e for e in of_dbt if e.is_step_materialization])


def test_failed_dbt_check_shows_the_failing_rows(built):
    _, _, result = built
    failed = [e for e in result.checks if not e.passed and "unique_id" in e.metadata]
    assert failed
    for check in failed:
        shown = check.metadata["failing_rows"].records
        assert 0 < len(shown) <= int(check.metadata["dagster_dbt/failed_row_count"].value), check.check_name


def test_every_check_has_a_number_that_dagster_plots(built):
    _, _, result = built
    numbers = (dg.IntMetadataValue, dg.FloatMetadataValue)
    without = [
        f"{e.asset_key.to_user_string()}:{e.check_name}"
        for e in result.checks
        if not any(
            isinstance(value, numbers) for name, value in e.metadata.items() if name != "Execution Duration"
        )
    ]
    assert len(result.checks) > 400
    assert without == []


def test_every_gold_table_has_its_row_count(built):
    _, _, result = built
    counts = {
        e.asset_key.path[-1]: e.metadata.get("dagster/row_count")
        for e in result.materializations
        if e.asset_key.path[0] == "gold"
    }
    assert counts
    assert all(value is not None for value in counts.values()), counts


def test_run_log_contains_table_row_counts_and_published_versions(built):
    lake, instance, result = built
    monitor_runs(instance, lake)
    [run] = lake.runs.of(result.run_id)
    tables = orjson.loads(run.tables)
    with duckdb.connect(str(lake.settings.warehouse), read_only=True) as con:
        there = con.execute(
            "select schema_name || '/' || table_name from duckdb_tables() where schema_name in ('silver', 'gold', 'snapshots')"
        ).fetchall()
        [(laps,)] = con.execute("select count(*) from silver.silver_laps").fetchall()
    assert tables.keys() == {name for (name,) in there}
    assert tables["silver/silver_laps"] == laps > 0
    versions = orjson.loads(run.delta_versions)
    assert versions.keys() == orjson.loads(run.gold).keys()
    assert versions["fact_laps"] == DeltaTable(f"{lake.settings.published_tables}/fact_laps").version()


def test_pages_follow_published_gold_with_a_preview_and_a_link(loaded_lake, built):
    _, _, result = built
    found = {
        e.asset_key.path[-1]: e.metadata for e in result.materializations if e.asset_key.path[0] == "pages"
    }
    assert found.keys() == set(FAMILIES)
    assert found["races"]["pages"].value == 1
    page = Path(unquote(found["races"]["newest"].value.removeprefix("file://")))
    assert page.is_relative_to(loaded_lake.root / "pages")
    assert "Generated classification" in page.read_text()
    assert "| 1 |" in found["races"]["preview"].value
    [links] = [e for e in result.checks if e.check_name == "links_lead_somewhere"]
    assert links.passed


def test_failed_page_is_named_and_gold_stays_published(built, monkeypatch):
    lake, instance, _ = built
    before = publication(lake.settings)
    (lake.settings.root / "pages" / "data.html").unlink()

    def broken(*_):
        raise ValueError("no such table")

    monkeypatch.setattr("f1_lakehouse.site.site.data_page", broken)
    keys = [dg.AssetKey(["pages", name]) for name in ("races", "data")]
    result = run(instance, "transform", asset_selection=keys)
    assert not result.success
    [failure] = [e for e in result.all_events if e.is_step_failure]
    assert (
        "data.html could not be made: ValueError" in failure.step_failure_data.user_failure_data.description
    )
    assert publication(lake.settings) == before
    made = [e.asset_key for e in result.get_asset_materialization_events()]
    assert made == [dg.AssetKey(["pages", "races"])]


@pytest.mark.slow
def test_build_leaves_out_what_has_not_changed_and_tests_it_all_the_same(built, caplog):
    """That the tables are equal: tests/dbt/lake_states.py and tests/e2e/test_changed_tables.py."""
    lake, instance, first = built
    before = last_build(lake.settings)
    assert before.endpoints == lake.bronze.pull_log.versions()
    config = {"ops": {"dbt_build": {"config": {"only_changed": True}}}}
    tables = list(dbt_build_asset().keys)
    result = run(instance, "transform", run_config=config, asset_selection=tables)
    assert result.success
    assert "emitted no result" not in caplog.text, (
        "the checks have no outputs, and a failed one fails the build"
    )
    made = {
        e.asset_key: e.step_materialization_data.materialization
        for e in result.get_asset_materialization_events()
    }
    kept = {key for key, one in made.items() if UNCHANGED in one.metadata}
    unchanged = {key.path[-1] for key in kept}
    assert unchanged >= {"silver_weather", "fact_laps", "championship_progression", "points_systems"}
    assert not unchanged & {"data_quality_metrics", "result_revisions", "driver_snapshot"}
    results = orjson.loads((lake.settings.root / "dbt" / "run_results.json").read_bytes())["results"]
    built_tables = {one["unique_id"].rsplit(".", 1)[1] for one in results} - unchanged
    assert "data_quality_metrics" in built_tables
    assert len(built_tables) == len(results), "dbt has built no table that was left out"
    rows = {one.asset_key: one.metadata.get("dagster/row_count") for one in first.materializations}
    assert {key: made[key].metadata["dagster/row_count"] for key in kept} == {key: rows[key] for key in kept}
    assert set(dbt_build_asset().keys) <= made.keys()
    of_dbt = {spec.key for spec in dbt_build_asset().check_specs}
    tested = {dg.AssetCheckKey(one.asset_key, one.check_name) for one in result.get_asset_check_evaluations()}
    assert tested >= of_dbt
    assert len(of_dbt) > 500
    assert last_build(lake.settings).endpoints == before.endpoints


def test_silver_rows_without_bronze_rows_fail_the_reconciliation(built):
    lake, _, _ = built
    assert silver_reconciles_with_bronze_check()(lake=LakeResource()).passed
    with duckdb.connect(str(lake.settings.warehouse)) as con:
        con.execute("create table silver.kept as from silver.silver_weather")
        con.execute(
            "insert into silver.silver_weather select * replace (1 as session_key) from silver.kept limit 1"
        )
    try:
        found = silver_reconciles_with_bronze_check()(lake=LakeResource())
        assert not found.passed
        assert found.metadata["sessions"].records[0].data["scope"] == 1
    finally:
        with duckdb.connect(str(lake.settings.warehouse)) as con:
            con.execute("delete from silver.silver_weather where session_key = 1")
            con.execute("drop table silver.kept")


def test_freshness_fails_if_the_newest_session_is_not_in_gold(built):
    assert newest_session_is_published(lake=LakeResource()).passed
    lake, _, _ = built
    with duckdb.connect() as con:
        con.execute(f"attach '{lake.settings.gold}' as published")
        con.execute("create table kept_laps as from published.fact_laps")
        con.execute("create table kept_results as from published.fact_results")
        con.execute("delete from published.fact_laps")
        con.execute("delete from published.fact_results")
        con.execute("detach published")
        found = newest_session_is_published(lake=LakeResource())
        con.execute(f"attach '{lake.settings.gold}' as published")
        con.execute("insert into published.fact_laps from kept_laps")
        con.execute("insert into published.fact_results from kept_results")
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.WARN
    assert found.metadata["sessions_behind"].value > 0
    assert found.metadata["hours_behind"].value > 48


def test_slow_runs_and_responses_are_named_in_a_warning(built, monkeypatch):
    lake, _, _ = built
    assert runs_take_no_longer_than_they_should(lake=LakeResource()).passed
    answers = gold_answers_at_once(lake=LakeResource())
    assert answers.passed
    tables = {record.data["table"] for record in answers.metadata["tables"].records}
    assert {"fact_laps", "session_leaderboard"} <= tables

    monkeypatch.setattr(checks, "ANSWER_WITHIN", timedelta(0))
    assert "fact_laps" in gold_answers_at_once(lake=LakeResource()).metadata["message"].value
    now = datetime.now(UTC)
    slow = RunRecord(
        "slow", "ingest", "a-race", None, "ann", "vm", "f1 load", now - timedelta(minutes=31), now, "success"
    )
    old = replace(slow, run_id="old", started_at=now - timedelta(days=9), ended_at=now - timedelta(days=8))
    lake.runs.append([slow, old])
    found = runs_take_no_longer_than_they_should(lake=LakeResource())
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert [record.data["partition"] for record in found.metadata["runs"].records] == ["a-race"]


def test_failing_build_leaves_published_gold_unchanged(built):
    lake, instance, _ = built
    before = (lake.settings.gold.stat().st_ino, lake.settings.gold.stat().st_mtime_ns)
    with duckdb.connect(str(lake.settings.warehouse)) as con:
        con.execute("insert into silver.silver_weather from silver.silver_weather limit 1")
    # One table and what is published, for speed: the step is the same with all tables.
    selected = [dg.AssetKey(["silver", "silver_weather"]), dg.AssetKey("published_gold")]
    try:
        result = run(instance, "transform", asset_selection=selected)
    finally:
        with duckdb.connect(str(lake.settings.warehouse)) as con:
            con.execute(
                "delete from silver.silver_weather where rowid = (select max(rowid) from silver.silver_weather)"
            )
    assert not result.success
    errors = [
        e.check_name
        for e in result.get_asset_check_evaluations()
        if not e.passed and e.severity is dg.AssetCheckSeverity.ERROR
    ]
    assert [name for name in errors if name.startswith("grain_silver_weather")] == errors != []
    materialized = {e.asset_key for e in result.get_asset_materialization_events()}
    assert dg.AssetKey("published_gold") not in materialized
    assert (lake.settings.gold.stat().st_ino, lake.settings.gold.stat().st_mtime_ns) == before


def test_build_of_some_tables_holds_the_bronze_of_the_build_before():
    """What is materialized in the UI: the other tables do not have the rows that have come since, and gold must not count as current."""
    at = datetime(2024, 9, 22, tzinfo=UTC)
    older = Build("1-a", "run 1", at, at, "digest")
    newer = Build("2-b", "run 2", at + timedelta(days=1), at + timedelta(days=1), "digest")
    assert build_held(older, newer, is_complete=True) == newer
    assert build_held(None, newer, is_complete=True) == newer
    assert build_held(older, newer, is_complete=False) == replace(newer, bronze_version="1-a", seen_at=at)
    assert build_held(None, newer, is_complete=False) is None


def test_some_tables_alone_are_not_built_by_new_code(built, monkeypatch):
    lake, instance, _ = built
    before = (lake.settings.root / "build.json").read_bytes()
    monkeypatch.setattr("f1_lakehouse.defs.dbt.must_rebuild", lambda _: True)
    result = run(instance, "transform", asset_selection=[dg.AssetKey(["silver", "silver_weather"])])
    [failure] = [e for e in result.all_events if e.is_step_failure]
    assert "all tables must be built again" in failure.step_failure_data.user_failure_data.description
    assert (lake.settings.root / "build.json").read_bytes() == before


def test_build_after_one_that_failed_or_of_other_code_leaves_out_nothing(monkeypatch):
    """Some tables are of the bronze of the failed build, others of the one before."""
    changed = []
    monkeypatch.setattr("f1_lakehouse.defs.dbt.manifest", dict)
    monkeypatch.setattr(
        "f1_lakehouse.defs.dbt.unchanged_tables", lambda _, endpoints: changed.append(endpoints) or ["a"]
    )
    at = datetime(2024, 9, 22, tzinfo=UTC)
    done = Build("1-a", "run 1", at, at, "digest", {"laps": "1-a", "weather": "1-b", "pit": "1-c"})
    now = {"laps": "1-a", "weather": "2-c", "stints": "1-d"}
    only_changed = TransformConfig(only_changed=True)
    assert left_out_of_build(only_changed, done, now, "digest") == ["a"]
    assert changed == [{"weather", "pit", "stints"}]
    for config, before in [
        (only_changed, None),
        (TransformConfig(), done),
        (TransformConfig(only_changed=True, full_refresh=True), done),
        (only_changed, replace(done, endpoints={})),
        (only_changed, replace(done, digest="other code")),
    ]:
        assert left_out_of_build(config, before, now, "digest") == []


def test_tables_that_are_left_out_are_one_exclusion_by_their_complete_path():
    """dagster-dbt takes the first of several arguments; a name alone may be that of a folder."""
    left_out = ["model.f1.fact_weather", "seed.f1.points_systems"]
    duckdb_engine = DuckDbEngine(Settings())
    *first, option, excluded = dbt_arguments(TransformConfig(only_changed=True), duckdb_engine, left_out)
    assert (option, excluded) == (
        "--exclude",
        "config.meta.after_build:true f1.gold.core.fact_weather f1.points_systems",
    )
    assert first == dbt_arguments(TransformConfig(), duckdb_engine)[:-2]
    assert "--full-refresh" in dbt_arguments(TransformConfig(full_refresh=True), duckdb_engine)


def test_left_out_table_is_an_output_if_it_is_there_with_all_that_it_is_made_from():
    """After a table that dbt could not build, none that is made from it: Dagster would refuse it, and hide the error of dbt."""
    context = SimpleNamespace(assets_def=dbt_build_asset())
    results, laps = dg.AssetKey(["silver", "silver_session_results"]), dg.AssetKey(["gold", "lap_chart"])
    asked = [node["unique_id"] for node in nodes("model") if node["name"] == "lap_chart"]
    parents = dbt_build_asset().asset_deps[laps] & dbt_build_asset().keys
    assert len(parents) > 1
    there = {tuple(laps.path): 20}
    kept = kept_tables(context, asked, there, parents | {results})
    assert kept.keys() == {laps}
    assert kept[laps].metadata == {UNCHANGED: dg.BoolMetadataValue(True)}
    assert kept_tables(context, asked, {}, parents) == {}
    for parent in parents:
        assert kept_tables(context, asked, there, parents - {parent}) == {}


def test_everything_that_can_be_left_out_is_a_table_of_dagster():
    of_dagster = dbt_build_asset().keys
    left_out = unchanged_tables(manifest(), [])
    assert len(left_out) > 100
    assert {translator().get_asset_key(manifest()["nodes"][one]) for one in left_out} <= of_dagster


def test_outputs_are_in_the_order_in_which_dagster_takes_them():
    keys = [*reversed(in_order_of_tables(dbt_build_asset().keys))]
    assert len(keys) > 120
    place = {key: number for number, key in enumerate(in_order_of_tables(keys))}
    parents = dbt_build_asset().asset_deps
    assert [key for key in place if any(place.get(one, -1) > place[key] for one in parents[key])] == []


def test_build_with_an_incomplete_report_fails():
    laps, weather = dg.AssetKey(["silver", "silver_laps"]), dg.AssetKey(["silver", "silver_weather"])
    check_all_built([laps, weather], [weather, laps])
    with pytest.raises(
        dg.Failure,
        match="not built: 1 table, although dbt ended without an error: silver/silver_weather",
    ):
        check_all_built([laps, weather], [laps])


def test_damaged_warehouse_is_named_with_the_cure(tmp_path):
    warehouse = tmp_path / "warehouse.duckdb"
    check_readable(warehouse)
    with duckdb.connect(str(warehouse)) as con:
        con.execute("create table t as select range from range(100000)")
    check_readable(warehouse)
    warehouse.write_bytes(warehouse.read_bytes()[:5000])
    with pytest.raises(WarehouseError, match="is damaged: remove it") as found:
        check_readable(warehouse)
    assert found.value.is_damaged


@pytest.mark.parametrize("tested", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_build_is_one_dbt_process_and_does_not_load_the_project_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tested: bool
) -> None:
    """With an untested version of dagster-dbt, dagster-dbt loads the project and dbt runs too."""
    set_tested(monkeypatch, "dagster-dbt", tested)
    settings = Settings(lakehouse_root=tmp_path)
    os.environ.update(settings.environment())
    seen: list[str] = []  # raising is not enough: dagster-dbt continues without modules that it cannot load
    monkeypatch.setattr(
        "dagster_dbt.core.resource.check_output", lambda *_: seen.append("version") or b"1.11.0"
    )
    monkeypatch.setattr("dbt.config.runtime.load_project", lambda *_: seen.append("project"))
    # The fastest dbt command: it opens the warehouse and parses nothing.
    with dbt_may_wait(settings):
        start_waiting()
        waiting = waiting_process._waiting.get().process
        done = dbt_resource().cli(["debug"], target_path=tmp_path).wait()
    assert done.is_successful()
    assert (done.process is waiting) is tested
    assert ("version" in seen) is not tested
    if tested:
        assert seen == []
        assert str(done.cli_version) == version("dbt-core")
    assert (tmp_path / "warehouse.duckdb").exists()
    assert not (tmp_path / "dbt.log").exists()
