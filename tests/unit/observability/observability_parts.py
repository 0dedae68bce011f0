"""Sessions, pulls and runs as input of conditions, and settings with receivers."""

from datetime import UTC, datetime, timedelta

from f1_lakehouse.observability.run_log import CheckResult, RunRecord
from f1_lakehouse.settings import Settings
from f1_lakehouse.sources.openf1.calendar import Category, Session
from f1_lakehouse.storage.pull_log import Pull

NOW = datetime(2024, 9, 25, 12, tzinfo=UTC)
RACE = Session(
    NOW - timedelta(days=3, hours=4),
    NOW - timedelta(days=3, hours=2),
    9606,
    1244,
    2024,
    "Race",
    "Marina Bay",
    Category.RACE,
)


def pull(endpoint: str, ago: timedelta, error: str | None = None, scope: int = 9606, **rest: object) -> Pull:
    """Return a pull that ended `ago` before NOW."""
    at = NOW - ago
    outcome = "failed" if error else "appended"
    return Pull(f"{endpoint}-{at:%H%M}", endpoint, scope, 2024, at, at, outcome, error=error, **rest)  # type: ignore[arg-type]


def run(job: str, ago: timedelta, outcome: str = "success", took: float = 1.0, **rest: object) -> RunRecord:
    """Return a run that ended `ago` before NOW and took `took` minutes."""
    ended = NOW - ago
    known = {"partition": None, "why": None, "user": "ann", "host": "vm", "origin": "f1 load", **rest}
    return RunRecord(
        f"{job}-{ago}",
        job,
        started_at=ended - timedelta(minutes=took),
        ended_at=ended,
        seconds=took * 60,
        outcome=outcome,
        **known,  # type: ignore[arg-type]
    )


def check(passed: bool, severity: str = "ERROR", partition: str | None = None) -> CheckResult:
    return CheckResult("gold/fact_laps", "unique", partition, passed, severity, "3 rows are there twice")


def with_urls(settings: Settings, *urls: str, **rest: object) -> Settings:
    return Settings(**{**settings.model_dump(), "alert_urls": urls, **rest})
