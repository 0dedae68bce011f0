"""The types of the catalog: endpoints, their columns, and what a pull of them covers.

Belongs here: `Kind`, `Column`, `Endpoint` and `Partition`. Does not belong here: the entries (`sources/<name>/endpoints.py`),
`Source` (source.py), the tuple of sources (registry.py), and HTTP (exchange.py has its types).

Dagster assets and checks, Delta schemas, pandera schemas, dbt sources and the table in the docs are made from the catalog.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import pyarrow as pa

from f1_lakehouse.sources.exchange import LandedResponse, RequestPlan


class Kind(StrEnum):
    """The type of a column in bronze. Every measurement is a double, whatever JSON shows at the moment."""

    INT = "int"
    DOUBLE = "double"
    TEXT = "text"
    BOOL = "bool"
    TIME = "time"  # UTC, microseconds
    INTS = "ints"  # a list of nullable ints
    JSON = "json"  # a value whose JSON type changes from row to row, kept as JSON text


ARROW_TYPES: dict[Kind, pa.DataType] = {
    Kind.INT: pa.int64(),
    Kind.DOUBLE: pa.float64(),
    Kind.TEXT: pa.string(),
    Kind.BOOL: pa.bool_(),
    Kind.TIME: pa.timestamp("us", tz="UTC"),
    Kind.INTS: pa.list_(pa.int64()),
    Kind.JSON: pa.string(),
}


class Scope(StrEnum):
    """What one pull of an endpoint covers."""

    SEASON = "season"
    SESSION = "session"
    ROUND = "round"
    ALL = "all"


class Availability(StrEnum):
    """Which sessions can have rows at all; for the others the endpoint is not applicable, never missing."""

    EVERY_SESSION = "every session"
    RACES = "races and sprints"
    QUALIFYINGS = "qualifying and sprint qualifying"


@dataclass(frozen=True)
class Column:
    """One field of an endpoint.

    `low` and `high` are inclusive bounds and `one_of` the known values: outside them a value is improbable.
    """

    name: str
    kind: Kind
    description: str
    required: bool = False
    low: float | None = None
    high: float | None = None
    one_of: tuple[str, ...] | tuple[int, ...] | None = None

    @property
    def arrow(self) -> pa.Field:
        """The column as an Arrow field; nullable, because a bronze table is never stricter than its source."""
        return pa.field(self.name, ARROW_TYPES[self.kind], metadata={"description": self.description})


@dataclass(frozen=True)
class Endpoint:
    """One endpoint: its table name, its columns, its natural key, and when it has rows.

    `by_driver`: the response for a complete session is always too large, so it is requested driver by driver.
    `critical`: a finished race is not complete without rows of it. `source`: the name of its source. `path`: its path at
    the source, the name by default. `rows`: the list of flat rows in the decoded content of a body; the content itself by
    default. `partition_column`: the column whose value is the partition's key in every row, if there is one. `name` is the
    name of the bronze table, unique over all sources.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    scope: Scope = Scope.SESSION
    availability: Availability = Availability.EVERY_SESSION
    by_driver: bool = False
    critical: bool = False
    source: str = ""
    path: str = ""
    rows: Callable[[Any], Any] = lambda content: content
    partition_column: str | None = None

    def __post_init__(self) -> None:
        if not self.path:
            object.__setattr__(self, "path", self.name)

    @property
    def schema(self) -> pa.Schema:
        """The source's own columns, typed."""
        return pa.schema([column.arrow for column in self.columns])

    @property
    def bronze_schema(self) -> pa.Schema:
        """The columns of the bronze table: the source's own, then what the lake adds."""
        return pa.schema([*self.schema, *self.lake_columns])

    @property
    def lake_columns(self) -> tuple[pa.Field, ...]:
        """What the lake adds to the rows. Telemetry rows, 700,000 per session, carry their time and no row number."""
        return LAKE_COLUMNS[:-1] if self.by_driver else LAKE_COLUMNS

    def column(self, name: str) -> Column | None:
        """The column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def has(self, name: str) -> bool:
        """Whether the endpoint has a column of that name."""
        return self.column(name) is not None


LAKE_COLUMNS: tuple[pa.Field, ...] = (
    pa.field(
        "_season", pa.int32(), metadata={"description": "Season of the session; the partition of the table"}
    ),
    pa.field("_pull_id", pa.string(), metadata={"description": "Pull that contained the row, as in _pulls"}),
    pa.field(
        "_ingested_at",
        pa.timestamp("us", tz="UTC"),
        metadata={"description": "Commit time of the pull, UTC"},
    ),
    pa.field(
        "_source_url",
        pa.string(),
        metadata={"description": "URL of the request whose response contained the row"},
    ),
    pa.field(
        "_row_number",
        pa.int32(),
        metadata={
            "description": "Position of the row among the rows of its pull, in the order served, from 0; null in rows "
            "that a version before this column wrote, until f1 rebuild-bronze"
        },
    ),
)


class Partition(Protocol):
    """What one pull covers: a session, a round, a season, or everything a source has of an endpoint."""

    @property
    def key(self) -> int:
        """Its identity, as in the pull log: session key, season (2024), season and round (202405), or 0 for all."""

    @property
    def scope(self) -> Scope:
        """What kind of partition it is; only endpoints of this scope can be pulled for it."""

    @property
    def season(self) -> int:
        """The season, by which bronze tables are partitioned; 0 for rows of no season."""

    @property
    def label(self) -> str:
        """Its name in logs and, where it is a Dagster partition, in Dagster."""

    @property
    def window(self) -> tuple[datetime, datetime] | None:
        """Start and end (aware) of what it covers, where the source needs them for its requests."""


@dataclass(frozen=True)
class SeasonPartition:
    """A season as the partition of a pull."""

    season: int

    @property
    def scope(self) -> Scope:
        """A season."""
        return Scope.SEASON

    @property
    def key(self) -> int:
        """The year."""
        return self.season

    @property
    def label(self) -> str:
        """The year as text."""
        return str(self.season)

    @property
    def window(self) -> None:
        """A season is requested without times."""
        return None


class PastPull(Protocol):
    """What pull policies need to know of an earlier pull; a row of the pull log has it."""

    @property
    def started_at(self) -> datetime:
        """When it was started, by the clock of that process."""

    @property
    def at(self) -> datetime:
        """When it was committed; never before the previous pull of the same endpoint and partition."""

    @property
    def outcome(self) -> str:
        """Its result."""

    @property
    def rows(self) -> int:
        """The number of rows."""

    @property
    def is_answer(self) -> bool:
        """Whether the source answered; an empty response counts."""


Reason = tuple[str, int]
"""Why a pull is due, and how many attempts have failed since the last answer."""


class Planner(Protocol):
    """Makes the request plan of a pull. One per process and source: it may remember what earlier pulls showed.

    `landed`: the responses of the interrupted pull that is resumed; they are not requested again. `drivers`: car numbers of
    the session, for endpoints that are requested driver by driver. Raises a SourceError if the pull cannot be requested.
    """

    def __call__(
        self,
        endpoint: Endpoint,
        partition: Partition,
        landed: Sequence[LandedResponse] = (),
        drivers: Sequence[int] = (),
    ) -> RequestPlan: ...
