"""A source that no module of the package names, with a dbt model of its own: from HTTP to a table in silver."""

import json
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import dagster as dg
import duckdb
import pytest
from defs_instance import instance_in
from toy_source import PAGE, RESULTS, source_at

from f1_lakehouse import lakehouse
from f1_lakehouse.dbt import manifest as dbt_manifest
from f1_lakehouse.dbt import parse_cache, project
from f1_lakehouse.dbt.sources import sources_yaml
from f1_lakehouse.definitions import build_definitions
from f1_lakehouse.defs import dbt as dbt_defs
from f1_lakehouse.defs.checks import _mismatches
from f1_lakehouse.defs.resources import lake_resource
from f1_lakehouse.instance import dbt_integration
from f1_lakehouse.monitor import state_of
from f1_lakehouse.observability.health import conditions
from f1_lakehouse.project_files import PROJECT_DIR
from f1_lakehouse.sources.source import Source

DRIVERS = ["clark", "hill", "stewart"]
MODEL = """\
{{ silver_source(
    'toy_results', key=['season', 'driver'], columns={'driver': 'text', 'points': 'number'}, partition_column='season'
) }}
"""


class ToyServer(BaseHTTPRequestHandler):
    """Pages of results: /<season>/results?offset=N."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        offset, season = int(parse_qs(url.query)["offset"][0]), int(url.path.split("/")[1])
        rows = [{"season": season, "driver": one, "points": 4.5} for one in DRIVERS[offset : offset + PAGE]]
        body = json.dumps({"total": len(DRIVERS), "rows": rows}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def toy() -> Iterator[Source]:
    with ThreadingHTTPServer(("127.0.0.1", 0), ToyServer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield source_at(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An instance, and a dbt project with the model of the toy source only."""
    folder = tmp_path / "project"
    silver = folder / "models" / "silver"
    silver.mkdir(parents=True)
    shutil.copytree(PROJECT_DIR / "macros", folder / "macros")
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(PROJECT_DIR / name, folder)
    (silver / "_bronze__sources.yml").write_text(sources_yaml([RESULTS]), "utf-8")
    shutil.copy(PROJECT_DIR / "models" / "_groups.yml", folder / "models")
    (silver / "silver_toy_results.sql").write_text(MODEL, "utf-8")
    for module in (project, parse_cache, dbt_integration, dbt_defs):
        monkeypatch.setattr(module, "PROJECT_DIR", folder)
    caches = (dbt_manifest.manifest, dbt_defs.dbt_build_asset, lakehouse.open_once)
    for cached in caches:
        cached.cache_clear()
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(tmp_path / "lake"))
    with instance_in(tmp_path / "dagster") as instance:
        yield instance
    for cached in caches:
        cached.cache_clear()


def test_source_that_is_handed_in_goes_from_http_to_silver(toy: Source, instance: dg.DagsterInstance) -> None:
    repository = build_definitions((toy,)).get_repository_def()
    lake = lakehouse.current_lake((toy,))

    def run(job: str, **rest: Any) -> None:
        done = repository.get_job(job).execute_in_process(instance=instance, **rest)
        assert done.success

    context = dg.build_sensor_context(
        instance=instance, repository_def=repository, resources={"lake": lake_resource((toy,))}
    )
    tick = repository.get_sensor_def("session_due").evaluate_tick(context)
    season = str(datetime.now(UTC).year)
    assert [(one.job_name, one.partition_key) for one in tick.run_requests] == [("load_toy", season)]
    run("load_toy", partition_key=season)
    run("load_toy", partition_key="2024")
    assert repository.get_sensor_def("session_due").evaluate_tick(context).skip_message == "nothing is due"
    assert conditions(state_of(lake)) == []

    tick = repository.get_sensor_def("gold_behind_bronze").evaluate_tick(context)
    assert len(tick.run_requests) == 1
    run("transform", asset_selection=[dg.AssetKey(["silver", "silver_toy_results"])])
    with duckdb.connect(str(lake.settings.warehouse), read_only=True) as con:
        rows = con.execute(
            "select season, driver, points from silver.silver_toy_results order by all"
        ).fetchall()
    assert rows == [(year, driver, 4.5) for year in (2024, int(season)) for driver in DRIVERS]
    assert _mismatches(lake) == []
