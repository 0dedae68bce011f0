"""OpenF1 as a source: the entry for the registry, made from the modules of this package."""

from datetime import datetime

from f1_lakehouse.settings import Settings
from f1_lakehouse.sources.catalog import Endpoint, Partition, Scope
from f1_lakehouse.sources.errors import PermanentError
from f1_lakehouse.sources.exchange import Connection, Window
from f1_lakehouse.sources.openf1.authentication import PasswordAuthentication
from f1_lakehouse.sources.openf1.calendar import Session
from f1_lakehouse.sources.openf1.endpoints import ENDPOINTS
from f1_lakehouse.sources.openf1.errors import LiveWindowError
from f1_lakehouse.sources.openf1.pull_policy import why_pull_due
from f1_lakehouse.sources.openf1.request_plan import OpenF1Planner
from f1_lakehouse.sources.openf1.responses import classify
from f1_lakehouse.sources.openf1.row_counts import judge
from f1_lakehouse.sources.openf1.schedule import OpenF1Partitions
from f1_lakehouse.sources.source import Job, Source, Verdict


def connect(settings: Settings) -> Connection:
    """The connection that the settings describe. Raises PermanentError for incomplete credentials."""
    username = settings.openf1_username
    password = settings.openf1_password.get_secret_value() if settings.openf1_password else None
    if bool(username) != bool(password):
        raise PermanentError(
            "only one of F1_OPENF1_USERNAME and F1_OPENF1_PASSWORD is set", cure="set both, or none of them"
        )
    return Connection(
        settings.openf1_url,
        (Window(settings.openf1_requests_per_second, 1.0), Window(settings.openf1_requests_per_minute, 60.0)),
        PasswordAuthentication(settings.openf1_url, username, password) if username and password else None,
    )


def judge_rows(endpoint: Endpoint, partition: Partition, rows: int, now: datetime) -> Verdict:
    """Whether a session has as many rows as one of its category should have."""
    assert isinstance(partition, Session)
    return judge(endpoint.name, partition.category, rows)


OPENF1 = Source(
    name="openf1",
    title="OpenF1",
    endpoints=ENDPOINTS,
    url_setting="F1_OPENF1_URL",
    default_url="https://api.openf1.org/v1",
    credential_settings="F1_OPENF1_USERNAME and F1_OPENF1_PASSWORD",
    connect=connect,
    planner=OpenF1Planner,
    classify=classify,
    why_due=why_pull_due,
    partitions=OpenF1Partitions(),
    credit="OpenF1 (openf1.org)",
    licence="CC BY-NC-SA 4.0",
    attribution="OpenF1, https://openf1.org, CC BY-NC-SA 4.0: sessions since 2023; the session results in it are those "
    "published by formula1.com",
    jobs=(
        Job("calendar", frozenset({Scope.SEASON}), "Meetings and sessions of a season"),
        Job("ingest", frozenset({Scope.SESSION}), "Everything OpenF1 has of a session"),
    ),
    # Its assets were there before those of other sources.
    asset_group="bronze",
    dynamic_partitions="sessions",
    is_sequential=False,
    expected_rows=judge_rows,
    counted_scopes=frozenset({Scope.SESSION}),
    planned_errors=frozenset({LiveWindowError.__name__}),
)
