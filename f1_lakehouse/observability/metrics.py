"""Metrics of the lake for Prometheus, computed from the run log and the pull log each time, so that they survive restarts.

Totals are sums over these logs, which only grow. They are written to a text file for the textfile collector, and pushed to a gateway if
there is one. The values of each run are in `metrics/runs`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from f1_lakehouse.observability.health import Condition, ConditionKind, LakeState
from f1_lakehouse.observability.run_log import SUCCESS, RunRecord, failing
from f1_lakehouse.storage.pull_log import Outcome, Pull

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from f1_lakehouse.settings import Settings

SECONDS = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 14400)
"""Upper bounds of the duration histogram in seconds; 1800 is the limit for a load."""
TIMEOUT = 5.0


def write(state: LakeState, found: Sequence[Condition], settings: "Settings") -> list[str]:
    """Write the metrics of a state atomically and push them. Returns the failures, one line each; nothing is raised."""
    try:
        from prometheus_client import CollectorRegistry, push_to_gateway, write_to_textfile
    except ImportError:
        needed = settings.pushgateway_url is not None
        return (
            ["metrics: prometheus-client is not installed: pip install 'f1-lakehouse[metrics]'"]
            if needed
            else []
        )
    registry = CollectorRegistry()
    registry.register(_Collector(state, found))
    settings.metrics.parent.mkdir(parents=True, exist_ok=True)
    write_to_textfile(str(settings.metrics), registry)
    if settings.pushgateway_url is None:
        return []
    url = settings.pushgateway_url.get_secret_value()
    try:
        push_to_gateway(
            _without_account(url),
            job="f1_lakehouse",
            registry=registry,
            grouping_key={"env": str(settings.env)},
            timeout=TIMEOUT,
            handler=_handler(url),
        )
    except Exception as error:
        return [f"metrics: the pushgateway of F1_PUSHGATEWAY_URL did not take them ({type(error).__name__})"]
    return []


def _without_account(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rsplit("@", 1)[-1]).geturl()


def _handler(url: str) -> Any:
    from prometheus_client.exposition import basic_auth_handler, default_handler

    parts = urlsplit(url)
    if parts.username is None:
        return default_handler

    def with_account(url: str, method: str, timeout: float | None, headers: Any, data: bytes) -> Any:
        return basic_auth_handler(url, method, timeout, headers, data, parts.username, parts.password)

    return with_account


class _Collector:
    """Yields the metrics of one state to prometheus-client."""

    def __init__(self, state: LakeState, found: Sequence[Condition]) -> None:
        self._state, self._conditions = state, found

    def collect(self) -> "Iterator[Metric]":
        yield from _of_runs(self._state.runs)
        yield from _of_pulls(self._state.pulls)
        yield from self._of_now()

    def _of_now(self) -> "Iterator[Metric]":
        from prometheus_client.core import GaugeMetricFamily

        state = self._state
        yield _gauge(
            "f1_metrics_written_timestamp_seconds", "When these metrics were written", _seconds(state.now)
        )
        finished = [one for one in state.calendar if one.is_finished(state.now)]
        yield _gauge("f1_sessions_finished", "Sessions of the known calendars that are over", len(finished))
        yield _gauge("f1_sessions_published", "Sessions that are in published gold", len(state.published))
        if finished:
            yield _gauge(
                "f1_newest_session_end_timestamp_seconds",
                "When the newest session ended",
                _seconds(max(finished).end),
            )
        here = [one for one in finished if one.key in state.published]
        if here:
            yield _gauge(
                "f1_newest_published_session_end_timestamp_seconds",
                "When the newest session that is in published gold ended",
                _seconds(max(here).end),
            )
        if state.published_at is not None:
            yield _gauge(
                "f1_gold_published_timestamp_seconds", "When gold was published", _seconds(state.published_at)
            )
        checks = GaugeMetricFamily(
            "f1_checks_failing", "Checks that failed when they last ran", labels=["severity"]
        )
        count = Counter(check.severity for check, _ in failing(state.runs).values())
        for severity in ("ERROR", "WARN"):
            checks.add_metric([severity], count[severity])
        yield checks
        alerts = GaugeMetricFamily("f1_alerts", "Conditions that are wrong now", labels=["kind"])
        active = Counter(one.kind for one in self._conditions)
        for kind in ConditionKind:
            alerts.add_metric([kind.value], active[kind])
        yield alerts


def _of_runs(runs: Sequence[RunRecord]) -> "Iterator[Metric]":
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    total = CounterMetricFamily("f1_runs", "Runs that are over", labels=["job", "outcome"])
    for (job, outcome), n in sorted(Counter((run.job, run.outcome) for run in runs).items()):
        total.add_metric([job, outcome], n)
    yield total
    duration = HistogramMetricFamily("f1_run_duration_seconds", "How long runs took", labels=["job"])
    last_at = GaugeMetricFamily("f1_last_run_timestamp_seconds", "When the last run ended", labels=["job"])
    last_took = GaugeMetricFamily(
        "f1_last_run_duration_seconds", "How long the last run took", labels=["job"]
    )
    succeeded = GaugeMetricFamily("f1_last_run_success", "1 if the last run succeeded", labels=["job"])
    for job in sorted({run.job for run in runs}):
        mine = [run for run in runs if run.job == job]
        took = [run.seconds for run in mine]
        buckets = [(str(bound), float(sum(s <= bound for s in took))) for bound in SECONDS]
        duration.add_metric([job], [*buckets, ("+Inf", float(len(took)))], sum_value=sum(took))
        last_at.add_metric([job], _seconds(mine[-1].ended_at))
        last_took.add_metric([job], mine[-1].seconds)
        succeeded.add_metric([job], mine[-1].outcome == SUCCESS)
    yield from (duration, last_at, last_took, succeeded)


def _of_pulls(pulls: Sequence[Pull]) -> "Iterator[Metric]":
    yield _total("f1_pulls", "Pulls", ((p.endpoint, p.outcome, 1) for p in pulls), "endpoint", "outcome")
    appended = [p for p in pulls if p.outcome == Outcome.APPENDED]
    yield _total("f1_rows", "Rows appended to bronze", ((p.endpoint, p.rows) for p in appended), "endpoint")
    yield _total(
        "f1_quarantined_rows", "Rows quarantined", ((p.endpoint, p.quarantined) for p in pulls), "endpoint"
    )
    yield _total(
        "f1_api_requests", "Answers of the sources", ((p.endpoint, p.requests) for p in pulls), "endpoint"
    )
    yield _total(
        "f1_api_retries",
        "Requests that had to be sent again",
        ((p.endpoint, p.retries or 0) for p in pulls),
        "endpoint",
    )
    yield _total("f1_api_bytes", "Bytes of answers", ((p.endpoint, p.bytes) for p in pulls), "endpoint")
    yield _total(
        "f1_pull_seconds", "Time spent on pulls", ((p.endpoint, p.seconds) for p in pulls), "endpoint"
    )
    yield _total(
        "f1_api_wait_seconds",
        "Time spent waiting for rate limits",
        ((p.endpoint, p.waited_s) for p in pulls),
        "endpoint",
    )


def _total(name: str, text: str, rows: Iterable[tuple[Any, ...]], *labels: str) -> "Metric":
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(name, text, labels=labels)
    sums: Counter[tuple[str, ...]] = Counter()
    for *values, n in rows:
        sums[tuple(values)] += n
    for key, n in sorted(sums.items()):
        family.add_metric(key, n)
    return family


def _gauge(name: str, text: str, value: float) -> "Metric":
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(name, text, value=value)


def _seconds(at: datetime) -> float:
    return at.astimezone(UTC).timestamp()
