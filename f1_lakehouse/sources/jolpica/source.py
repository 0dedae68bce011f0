"""Jolpica as a source: the entry for the registry, made from the modules of this package."""

from f1_lakehouse.settings import Settings
from f1_lakehouse.sources.catalog import Scope
from f1_lakehouse.sources.exchange import Connection, RetryPolicy, Window
from f1_lakehouse.sources.jolpica.pull_policy import why_due
from f1_lakehouse.sources.jolpica.request_plan import JolpicaPlanner
from f1_lakehouse.sources.jolpica.responses import DEFAULT_URL, classify
from f1_lakehouse.sources.jolpica.row_counts import judge_rows
from f1_lakehouse.sources.jolpica.schedule import RESULTS, JolpicaPartitions, judge_results_of
from f1_lakehouse.sources.jolpica.tables import ENDPOINTS
from f1_lakehouse.sources.source import Job, PullCheck, Source


def connect(settings: Settings) -> Connection:
    """The connection that the settings describe."""
    windows = (
        Window(settings.jolpica_requests_per_second, 1.0),
        Window(settings.jolpica_requests_per_hour, 3600.0),
    )
    return Connection(settings.jolpica_url, windows)


JOLPICA = Source(
    name="jolpica",
    title="Jolpica",
    endpoints=ENDPOINTS,
    url_setting="F1_JOLPICA_URL",
    default_url=DEFAULT_URL,
    connect=connect,
    planner=JolpicaPlanner,
    classify=classify,
    why_due=why_due,
    partitions=JolpicaPartitions(),
    credit="Jolpica (jolpi.ca)",
    licence="CC BY-NC-SA 4.0",
    attribution="Jolpica F1 API, https://api.jolpi.ca, CC BY-NC-SA 4.0: races since 1950, with the data of the Ergast API",
    jobs=(
        Job(
            "history",
            frozenset({Scope.ALL, Scope.SEASON}),
            "What Jolpica has of a season, and its resources without a season",
        ),
        Job("history_rounds", frozenset({Scope.ROUND}), "Lap times and pit stops of a race, from Jolpica"),
    ),
    dynamic_partitions="rounds",
    expected_rows=judge_rows,
    counted_scopes=frozenset(Scope),
    checks=(
        PullCheck(
            RESULTS, "freshness", "Every race that ended more than 48 hours ago has results", judge_results_of
        ),
    ),
    # Refusals carry no Retry-After, and the window may be an hour long: half an hour of attempts, then the pull fails.
    retry=RetryPolicy(first_wait_rate_limited_s=30.0, longest_wait_rate_limited_s=900.0, max_attempts=7),
    max_concurrent_requests=2,
)
