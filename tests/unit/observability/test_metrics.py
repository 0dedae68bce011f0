"""Metrics: parsed by the library of Prometheus, pushed to a running gateway, and used by the dashboard."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from observability_parts import NOW, RACE, check, pull, run
from prometheus_client.parser import text_string_to_metric_families

from f1_lakehouse.observability import metrics
from f1_lakehouse.observability.health import LakeState, conditions
from f1_lakehouse.settings import Settings

HOUR = timedelta(hours=1)
DASHBOARD = Path(__file__).parents[3] / "docs" / "grafana-dashboard.json"


@pytest.fixture
def state():
    pulls = [
        pull("sessions", 5 * HOUR, scope=2024),
        pull("laps", 4 * HOUR, rows=1000, requests=1, retries=2, waited_s=1.5, quarantined=3),
        pull("laps", 3 * HOUR, rows=1001, requests=1),
        pull("weather", 2 * HOUR, "503"),
    ]
    runs = [
        run("ingest", 4 * HOUR, took=0.5),
        run("ingest", 2 * HOUR, "failure", took=40),
        run("transform", HOUR, checks=[check(False)]),
    ]
    earlier = replace(RACE, key=9605, start=RACE.start - 24 * HOUR, end=RACE.end - 24 * HOUR)
    return LakeState(NOW, [RACE, earlier], pulls, runs, frozenset({9605}), NOW - HOUR)


def written(state: LakeState, settings: Settings) -> dict[tuple[str, ...], float]:
    """(name, label value …) → value."""
    assert metrics.write(state, conditions(state), settings) == []
    families = text_string_to_metric_families(settings.metrics.read_text())
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def test_metrics_equal_the_run_log_and_the_pull_log(state, settings):
    found = written(state, settings)
    assert found["f1_runs_total", "ingest", "success"] == found["f1_runs_total", "ingest", "failure"] == 1
    assert found["f1_last_run_success", "ingest"] == 0
    assert found["f1_last_run_duration_seconds", "ingest"] == 2400
    assert found["f1_run_duration_seconds_bucket", "ingest", "1800"] == 1
    assert found["f1_run_duration_seconds_count", "ingest"] == 2
    assert found["f1_rows_total", "laps"] == 2001
    assert found["f1_api_requests_total", "laps"] == 2
    assert found["f1_api_retries_total", "laps"] == 2
    assert found["f1_api_wait_seconds_total", "laps"] == 1.5
    assert found["f1_quarantined_rows_total", "laps"] == 3
    assert found["f1_pulls_total", "weather", "failed"] == 1
    assert found["f1_checks_failing", "ERROR"] == 1
    assert found["f1_alerts", "gold is stale"] == found["f1_alerts", "load failed"] == 1
    assert found["f1_sessions_finished",] - found["f1_sessions_published",] == 1
    assert found["f1_gold_published_timestamp_seconds",] == (NOW - HOUR).timestamp()


def test_metrics_are_pushed_to_the_gateway_with_its_credentials(state, settings, receiver):
    to = Settings(
        **{**settings.model_dump(), "pushgateway_url": f"http://ann:s3cr3t@127.0.0.1:{receiver.port}"}
    )
    assert metrics.write(state, [], to) == []
    [(path, headers, body)] = receiver.got
    assert path == "/metrics/job/f1_lakehouse/env/dev"
    assert headers["Authorization"].startswith("Basic ")
    assert body == settings.metrics.read_text()


def test_unreachable_gateway_fails_nothing_and_its_address_is_not_logged(state, settings):
    to = Settings(**{**settings.model_dump(), "pushgateway_url": "http://ann:s3cr3t@127.0.0.1:1"})
    [problem] = metrics.write(state, [], to)
    assert problem == "metrics: the pushgateway of F1_PUSHGATEWAY_URL did not take them (URLError)"
    assert settings.metrics.exists()


def test_metrics_file_is_replaced_atomically(state, settings):
    written(state, settings)
    with settings.metrics.open() as before:
        written(LakeState(NOW, [], [], []), settings)
        assert before.read() != settings.metrics.read_text()
    assert [path.name for path in settings.metrics.parent.iterdir()] == ["f1.prom"]


def test_every_metric_of_the_dashboard_exists(state, settings):
    names = {name for name, *_ in written(state, settings)}
    dashboard = json.loads(DASHBOARD.read_text())
    used_names = {
        name
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
        for name in re.findall(r"\bf1_\w+", target["expr"])
    }
    assert len(used_names) >= 10
    assert used_names <= names
