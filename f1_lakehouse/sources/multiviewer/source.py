"""MultiViewer as a source: the entry for the registry, made from the modules of this package."""

from f1_lakehouse.settings import Settings
from f1_lakehouse.sources.exchange import Connection, RetryPolicy, Window
from f1_lakehouse.sources.multiviewer.endpoints import ENDPOINTS
from f1_lakehouse.sources.multiviewer.responses import DEFAULT_URL, classify
from f1_lakehouse.sources.multiviewer.schedule import CircuitPartitions, planner, why_due
from f1_lakehouse.sources.source import Source

FIRST_SEASON = 2023
"""The first season of OpenF1, whose meetings name the circuits."""


def connect(settings: Settings) -> Connection:
    """The connection that the settings describe."""
    windows = (
        Window(settings.multiviewer_requests_per_second, 1.0),
        Window(settings.multiviewer_requests_per_hour, 3600.0),
    )
    return Connection(settings.multiviewer_url, windows)


MULTIVIEWER = Source(
    name="multiviewer",
    title="MultiViewer",
    endpoints=ENDPOINTS,
    url_setting="F1_MULTIVIEWER_URL",
    default_url=DEFAULT_URL,
    connect=connect,
    planner=planner,
    classify=classify,
    why_due=why_due,
    partitions=CircuitPartitions("multiviewer", ENDPOINTS, why_due, FIRST_SEASON),
    attribution="MultiViewer, https://multiviewer.app, licence not stated: corners of circuits (circuit_corners), where F1_SOURCES "
    "names it",
    retry=RetryPolicy(max_attempts=3),
    max_concurrent_requests=1,
)
