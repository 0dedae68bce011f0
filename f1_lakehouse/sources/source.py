"""A source: everything that ingest, Dagster and the command line need to know of a public data provider.

Belongs here: `Source` and the types of its parts. Does not belong here: the sources themselves (`sources/<name>/source.py`),
their tuple (registry.py), what an endpoint is (catalog.py) and HTTP (exchange.py has its types).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from f1_lakehouse.settings import Settings
from f1_lakehouse.sources.catalog import Endpoint, Partition, PastPull, Planner, Reason, Scope
from f1_lakehouse.sources.errors import SourceError
from f1_lakehouse.sources.exchange import BreakerPolicy, Classify, Connection, RetryPolicy


class UnknownPartitionError(SourceError):
    """The lake does not know the partition; the message says which command makes it known."""


@dataclass(frozen=True)
class Verdict:
    """The result of a check. `is_error`: the partition is incomplete if the check fails; otherwise it is a warning.

    `numbers`: what was measured, name → value, whether the check passed or not; Dagster plots them over time.
    """

    passed: bool
    is_error: bool
    message: str
    numbers: Mapping[str, float] = field(default_factory=dict)


class LakeView(Protocol):
    """What a source reads of a lake to decide which partitions there are, and what is due."""

    @property
    def settings(self) -> Settings:
        """The settings of the lake."""

    def pulls_of(self, endpoint: str, key: int) -> Sequence[PastPull]:
        """The pulls of an endpoint and partition, oldest first."""

    def pulled(self, endpoint: str) -> set[int]:
        """The keys of the partitions of an endpoint that were ever pulled."""

    def current_rows(self, endpoint: str, keys: Collection[int]) -> list[dict[str, Any]]:
        """The rows of the current pulls of these partitions."""

    def calendar(self, seasons: Collection[int] | None = None) -> Sequence[Any]:
        """The sessions of the lake's calendar, in date order; of these seasons or of all."""


@dataclass(frozen=True)
class Work:
    """Endpoints of one partition that must be pulled, and why.

    `attempt` counts failures since the last answer. `requests`: about how many requests they take. `beyond`: endpoints
    that cannot have rows of the partition; the same run records them as not applicable, without a request.
    """

    partition: Any  # a catalog.Partition, of the class of its source
    endpoints: tuple[str, ...]
    why: str
    attempt: int = 0
    requests: int = 1
    beyond: tuple[str, ...] = ()


class Partitions(Protocol):
    """The partitions of a source, and which of them must be pulled. Pure, apart from reading the `LakeView`."""

    @property
    def first_season(self) -> int:
        """The first season that the source has."""

    @property
    def listed_by(self) -> str | None:
        """The endpoint whose rows list the sessions or rounds; None if the source has only seasons."""

    def named(self, view: LakeView, endpoint: Endpoint, name: str | None, now: datetime) -> Partition:
        """The partition of that name, as a user or backfill asks for it; None is everything.

        Raises UnknownPartitionError.
        """

    def ended(self, view: LakeView, now: datetime) -> Sequence[Partition]:
        """The sessions or rounds that have ended, in date order; nothing for a source that has only seasons."""

    def not_applicable(self, endpoint: Endpoint, partition: Partition) -> str | None:
        """Why the endpoint cannot have rows of the partition; None if it can."""

    def not_yet(self, partition: Partition, now: datetime) -> str | None:
        """Why the partition cannot be pulled yet; None if it can."""

    def due(
        self,
        view: LakeView,
        now: datetime,
        *,
        scopes: Collection[Scope] = tuple(Scope),
        seasons: Sequence[int] | None = None,
        endpoints: Collection[str] | None = None,
        force: bool = False,
        patient: bool = False,
        every_round: bool = False,
        followed: Collection[int] | None = None,
    ) -> list[Work]:
        """What must be pulled now, in the order in which it should be.

        Args:
            view: the lake.
            now: UTC.
            scopes: partitions of these only.
            seasons: of these; by default the season that the source follows automatically, and corrections of loaded ones.
            endpoints: these only; all by default.
            force: although it is not due.
            patient: back off after a failure; a command does not.
            every_round: also details of old rounds, which cost many requests.
            followed: which of the `seasons` are due although they were never pulled; all by default.
        """

    def unlisted_requests(self, view: LakeView, seasons: Sequence[int], endpoints: Collection[str]) -> int:
        """About how many requests the sessions or rounds of seasons take whose list was never pulled: `due` cannot count them."""

    def title(self, endpoint: Endpoint, key: int, season: int) -> tuple[str, str]:
        """The partition's name in messages, and the command that pulls it again."""

    def covers(self, endpoint: Endpoint) -> str:
        """For which partitions the endpoint has rows; ends the description of its asset."""


@dataclass(frozen=True)
class Job:
    """A Dagster job of a source: pulls its endpoints of these scopes."""

    name: str
    scopes: frozenset[Scope]
    description: str


@dataclass(frozen=True)
class PullCheck:
    """A check of an endpoint's pulls beyond those that every endpoint has."""

    endpoint: str
    name: str
    description: str
    judge: Callable[[LakeView, Partition, datetime], Verdict]


@dataclass(frozen=True)
class Source:
    """A public data provider.

    `title`: its name in messages. `credit` and `licence`: its name as the licence requires it, and the licence, for the
    line under every page. `attribution`: address, licence, and what data it is, for the data card.
    `url_setting`, `default_url`, `credential_settings`: the environment variables and the URL that error messages name.
    `connect`: base URL, rate windows and credentials from the settings. `planner`: makes the planner for a base URL.
    `classify`: what a response means. `why_due`: pure; why an endpoint of a partition must be pulled now, or None (arguments:
    endpoint, partition, now, earlier pulls oldest first, and whether to back off after a failure). `partitions`: which
    partitions there are, and what of them is due.

    For Dagster: `jobs`; `asset_group`, by default `bronze_<name>`; `dynamic_partitions`, the name of the partitions
    definition of its sessions or rounds; `is_sequential`: nothing is requested automatically while one of its runs is at work.

    `expected_rows`: whether a partition has as many rows as it should (arguments: endpoint, partition, rows of the current
    pull, now), for endpoints of the scopes in `counted_scopes`. `checks`: more checks. `planned_errors`: classes of errors that mean a planned closure, of
    which nobody is notified.

    Rows are taken out of a body by `Endpoint.rows`, and whether a pull is complete is decided by its
    `RequestPlan.check_complete`.
    """

    name: str
    title: str
    endpoints: tuple[Endpoint, ...]
    url_setting: str
    default_url: str
    connect: Callable[[Settings], Connection]
    planner: Callable[[str], Planner]
    classify: Classify
    why_due: Callable[[Endpoint, Any, datetime, Sequence[PastPull], bool], Reason | None]
    partitions: Partitions
    credit: str = ""
    licence: str = ""
    attribution: str = ""
    jobs: tuple[Job, ...] = ()
    asset_group: str = ""
    dynamic_partitions: str = ""
    is_sequential: bool = True
    expected_rows: Callable[[Endpoint, Any, int, datetime], Verdict] | None = None
    counted_scopes: frozenset[Scope] = frozenset()
    checks: tuple[PullCheck, ...] = ()
    planned_errors: frozenset[str] = frozenset()
    credential_settings: str = ""
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    max_concurrent_requests: int = 3

    def __post_init__(self) -> None:
        strangers = [endpoint.name for endpoint in self.endpoints if endpoint.source != self.name]
        if strangers:
            raise ValueError(f"endpoints of another source than {self.name}: {', '.join(strangers)}")
        if not self.jobs:
            seasons = frozenset({Scope.ALL, Scope.SEASON})
            job = Job(f"load_{self.name}", seasons, f"What {self.title} has of a season")
            object.__setattr__(self, "jobs", (job,))
        if left := {endpoint.scope for endpoint in self.endpoints} - {
            s for job in self.jobs for s in job.scopes
        }:
            raise ValueError(f"no job of {self.name} pulls the endpoints by {', '.join(sorted(left))}")
        object.__setattr__(self, "asset_group", self.asset_group or f"bronze_{self.name}")
        object.__setattr__(self, "dynamic_partitions", self.dynamic_partitions or f"{self.name}_partitions")

    @property
    def check_url(self) -> str:
        """The cure for a base URL that does not work."""
        return f"check {self.url_setting} (the service's is {self.default_url})"

    @property
    def by_name(self) -> Mapping[str, Endpoint]:
        """The endpoints by the name of their table."""
        return {endpoint.name: endpoint for endpoint in self.endpoints}

    @property
    def has_sessions(self) -> bool:
        """Whether it has data of sessions, and with them the calendar of the lake."""
        return any(endpoint.scope is Scope.SESSION for endpoint in self.endpoints)

    def endpoints_of(self, job: Job) -> tuple[Endpoint, ...]:
        """The endpoints that a job pulls."""
        return tuple(endpoint for endpoint in self.endpoints if endpoint.scope in job.scopes)

    def job_of(self, scope: Scope) -> Job:
        """The job that pulls partitions of that scope."""
        return next(job for job in self.jobs if scope in job.scopes)
