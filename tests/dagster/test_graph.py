"""The assets, checks, jobs and dependencies of the graph."""

import shutil
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from f1_lakehouse.dbt import manifest, parse_cache, project
from f1_lakehouse.definitions import defs
from f1_lakehouse.project_files import PROJECT_DIR
from f1_lakehouse.settings import Settings
from f1_lakehouse.site.site import FAMILIES
from f1_lakehouse.sources.openf1.endpoints import ENDPOINTS, SEASON_ENDPOINTS, SESSION_ENDPOINTS


@pytest.fixture(scope="module")
def repository() -> dg.RepositoryDefinition:
    return defs().get_repository_def()


def names(repository: dg.RepositoryDefinition, group: str) -> list[str]:
    graph = repository.asset_graph
    return sorted(k.to_user_string() for k in graph.get_all_asset_keys() if graph.get(k).group_name == group)


def test_bronze_assets_are_the_endpoints_of_the_catalog(repository):
    assert names(repository, "bronze") == [
        "bronze/_pulls",
        *sorted(f"bronze/{endpoint.name}" for endpoint in ENDPOINTS),
    ]


def test_every_bronze_asset_is_read_by_a_silver_model(repository):
    graph = repository.asset_graph
    for endpoint in ENDPOINTS:
        readers = {k.path[0] for k in graph.get(dg.AssetKey(["bronze", endpoint.name])).child_keys}
        assert "silver" in readers, endpoint.name


def test_published_gold_depends_on_every_gold_model(repository):
    graph = repository.asset_graph
    parents = {k.to_user_string() for k in graph.get(dg.AssetKey("published_gold")).parent_keys}
    assert parents == set(names(repository, "gold"))


def test_every_dbt_data_test_is_a_check_of_one_asset(repository):
    """A test of several models, or of none, names the model of its check and depends on it; otherwise Dagster does not show it."""
    checks = [key.name for key in repository.asset_graph.asset_check_keys]
    tests = [node["name"] for node in manifest.nodes("test")]
    assert len(tests) > 300
    assert [name for name in tests if checks.count(name) != 1] == []


def test_jobs_sensors_and_the_schedule_have_their_fixed_names(repository):
    assert {"calendar", "ingest", "transform"} <= {job.name for job in repository.get_all_jobs()}
    assert {s.name for s in repository.sensor_defs} == {
        "alerts",
        "session_due",
        "gold_behind_bronze",
        "race_to_train",
    }
    weekly = next(s for s in repository.schedule_defs if s.name == "weekly")
    assert (weekly.cron_schedule, weekly.execution_timezone) == ("0 6 * * 1", "UTC")
    assert sorted(s.name for s in repository.schedule_defs) == ["weekly", "weekly_training", "weekly_upkeep"]


def test_sensor_intervals_are_at_most_a_minute(repository):
    assert all(s.minimum_interval_seconds <= 60 for s in repository.sensor_defs)


def test_ingest_selects_session_endpoints_and_calendar_season_endpoints(repository):
    def of(job: str) -> set[str]:
        return {k.path[-1] for k in repository.get_job(job).asset_layer.executable_asset_keys}

    assert of("ingest") == {endpoint.name for endpoint in SESSION_ENDPOINTS}
    assert of("calendar") == {endpoint.name for endpoint in SEASON_ENDPOINTS}


def test_transform_selects_silver_gold_and_publish_so_that_failing_tests_block_publish(repository):
    keys = {k.to_user_string() for k in repository.get_job("transform").asset_layer.executable_asset_keys}
    assert set(names(repository, "silver")) | set(names(repository, "gold")) | {"published_gold"} <= keys


def test_pages_depend_on_published_gold_and_block_nothing(repository):
    graph = repository.asset_graph
    families = names(repository, "pages")
    assert families == sorted(f"pages/{name}" for name in FAMILIES)
    keys = {k.to_user_string() for k in repository.get_job("transform").asset_layer.executable_asset_keys}
    assert set(families) <= keys
    for family in families:
        node = graph.get(dg.AssetKey.from_user_string(family))
        assert {k.to_user_string() for k in node.parent_keys} == {"published_gold"}
        assert not node.child_keys


def test_every_asset_has_a_description_an_owner_kinds_and_a_group(repository):
    graph = repository.asset_graph
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        # The pull log and the quarantine are further tables of bronze.
        if node.is_external:
            continue
        assert node.description, key
        assert node.owners, key
        assert node.kinds, key
        assert node.group_name in {
            "bronze",
            "bronze_jolpica",
            "bronze_multiviewer",
            "silver",
            "gold",
            "snapshots",
            "published",
            "pages",
            "strategy",
            "upkeep",
        }, key


def test_every_check_has_a_description_in_words(repository):
    graph = repository.asset_graph
    keys = graph.asset_check_keys
    assert len(keys) > 600
    texts = {key: graph.get(key).description or "" for key in keys}
    assert {key.to_user_string() for key, text in texts.items() if text.count(" ") < 2} == set()


def test_every_table_that_dagster_does_not_write_is_described(repository):
    graph = repository.asset_graph
    external = [graph.get(key) for key in graph.get_all_asset_keys() if graph.get(key).is_external]
    assert [node.key.to_user_string() for node in external] == ["bronze/_pulls"]
    assert all(node.description and node.owners for node in external)


def test_freshness_policy_does_not_fail_in_a_break_of_the_calendar(repository):
    policy = repository.asset_graph.get(dg.AssetKey("published_gold")).freshness_policy
    # From the race of November 26, 2023 to the tests of February 21, 2024, and two days for the transform.
    assert policy.fail_window.to_timedelta() >= timedelta(days=87 + 2)
    assert policy.warn_window is None


def test_every_run_is_one_process_also_from_the_ui(repository):
    # One process per step would cost 7 s each, and the reaper would fail the run when the first of them ends.
    assert {job.executor_def.name for job in repository.get_all_jobs()} == {"in_process"}


def test_api_requests_and_warehouse_writes_use_their_pools(repository):
    pools = {
        d.key.to_user_string(): d.op.pool
        for d in repository.assets_defs_by_key.values()
        if d.is_executable and len(list(d.keys)) == 1
    }
    assert {pools[f"bronze/{e.name}"] for e in ENDPOINTS} == {"openf1"}
    assert pools["published_gold"] == "duckdb"
    assert repository.assets_defs_by_key[dg.AssetKey(["gold", "fact_laps"])].op.pool == "duckdb"


def test_every_bronze_asset_has_checks_for_faulty_rows_and_session_assets_for_row_counts(repository):
    checks = {(k.asset_key.path[-1], k.name) for k in repository.asset_graph.asset_check_keys}
    for endpoint in ENDPOINTS:
        assert {(endpoint.name, check) for check in ("schema", "quarantine", "duplicates")} <= checks
    for endpoint in SESSION_ENDPOINTS:
        assert (endpoint.name, "row_count") in checks


def test_manifest_is_written_to_the_lake_atomically(tmp_path, monkeypatch):
    """UI and daemon start together, and both parse on a new lake."""
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(tmp_path))
    copy, home = tmp_path / "project", tmp_path / "dbt"
    shutil.copytree(PROJECT_DIR, copy)
    seen = []

    def parse(arguments, settings, target, variables):
        for name in ("partial_parse.msgpack", "manifest.json"):
            (target / name).write_text("{")
            seen.append(list(home.glob("manifest*")))
            (target / name).write_text("{}")

    monkeypatch.setattr(manifest, "run_dbt", parse)
    monkeypatch.setattr(parse_cache, "PROJECT_DIR", copy)
    assert manifest.load_manifest() == {}
    assert seen == [[], []]
    [kept] = home.glob("manifest-*.json")
    assert {path.name for path in home.iterdir()} == {kept.name, "parsed_from.txt", "partial_parse.msgpack"}
    manifest.load_manifest()
    assert len(seen) == 2  # it describes these files
    with (copy / "tests" / "laps_reconcile.sql").open("a") as file:
        file.write("-- another test of the same name")
    manifest.load_manifest()
    assert len(seen) == 4
    assert not kept.exists()


def test_second_lake_uses_the_parse_of_the_first(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    parsed = []

    def parse(arguments, settings, target, variables):
        parsed.append(settings.root)
        for name in ("partial_parse.msgpack", "manifest.json"):
            (target / name).write_text('{"parsed": true}')

    monkeypatch.setattr(manifest, "run_dbt", parse)
    for lake in ("one", "two"):
        monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(tmp_path / lake))
        assert manifest.load_manifest() == {"parsed": True}
        assert (tmp_path / lake / "dbt" / "partial_parse.msgpack").exists()
    assert parsed == [tmp_path / "one"]
    # Neither an untested version of dbt-duckdb nor a user without a home directory shares a parse.
    with monkeypatch.context() as patch:
        patch.setattr(parse_cache, "is_tested", lambda _: False)
        patch.setenv("F1_LAKEHOUSE_ROOT", str(tmp_path / "three"))
        manifest.load_manifest()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(parse_cache, "user_cache_path", lambda name: Path("~/.cache") / name)
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(tmp_path / "four"))
    manifest.load_manifest()
    assert parsed == [tmp_path / name for name in ("one", "three", "four")]
    assert not (tmp_path / "~").exists()


def test_read_only_lake_costs_a_parse_and_does_not_fail(tmp_path, monkeypatch):
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(tmp_path / "a file" / "lake"))
    (tmp_path / "a file").write_text("no folder can be made in it")

    def parse(arguments, settings, target, variables):
        (target / "manifest.json").write_text('{"parsed": true}')

    monkeypatch.setattr(manifest, "run_dbt", parse)
    assert manifest.load_manifest() == {"parsed": True}


@pytest.mark.slow
def test_moved_project_can_be_built(tmp_path, monkeypatch):
    """dbt parsed the project and loaded a seed in its earlier location."""
    first, lake = tmp_path / "one", Settings(lakehouse_root=tmp_path)
    shutil.copytree(PROJECT_DIR, first, ignore=shutil.ignore_patterns("target", "logs"))
    for folder in (first, tmp_path / "two"):
        if folder != first:
            first.rename(folder)
        monkeypatch.setattr(project, "PROJECT_DIR", folder)
        project.discard_foreign_parse(lake.root / "dbt")
        project.run_dbt(["seed"], lake, lake.root / "dbt")
