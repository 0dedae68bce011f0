"""The state of gold's tables: what tells a table, or a season of it, from an earlier version of it.

Belongs here: digests of rows, columns and descriptions. What is done with a difference is in publish.py and delta_export.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import duckdb

DELTA_ONLY = frozenset({"fact_telemetry"})
"""Gold tables that are too large for one file: published as Delta only."""

TABLES_AND_VIEWS = (
    "(select database_name, schema_name, table_name, comment from duckdb_tables() "
    "union all select database_name, schema_name, view_name, comment from duckdb_views())"
)
"""Tables of every engine: what one behind Spark Connect has built is read through views."""


@dataclass(frozen=True)
class TableState:
    """The state of a table: `digest` of its rows in any order, `columns` of names and types, `comments` of the descriptions.

    `seasons`: season → the digest of its rows; empty unless every row has a season.
    """

    digest: str
    columns: str
    comments: str
    seasons: dict[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Everything but the comments as one text, which begins with the number of rows."""
        return f"{self.digest}-{self.columns}"

    @property
    def rows(self) -> int:
        """The number of rows."""
        return int(self.digest.split("-")[0])

    def is_described_as(self, known: "TableState") -> bool:
        """Return whether columns and descriptions are equal, so that the rows alone differ."""
        return (self.columns, self.comments) == (known.columns, known.comments)

    def changed(self, known: Mapping[str, str]) -> list[str]:
        """Return the seasons whose rows differ from `known`, or that only one of both has."""
        return sorted(s for s in self.seasons.keys() | known.keys() if self.seasons.get(s) != known.get(s))


def gold_fingerprints(con: duckdb.DuckDBPyConnection, database: str) -> dict[str, str]:
    """Return each gold table of an attached database → the fingerprint of its rows (in any order), column names and types."""
    return {table: state.fingerprint for table, state in table_states(con, database).items()}


def table_states(con: duckdb.DuckDBPyConnection, database: str) -> dict[str, TableState]:
    """Return the states of the gold tables of an attached database."""
    # Names and types are included: the hash of a row does not depend on the names of its columns.
    found = con.execute(
        "select table_name, list(column_name order by column_index), "
        "hash(string_agg(column_name || ' ' || data_type, ',' order by column_index)), "
        "hash(string_agg(column_name || coalesce(comment, ''), ',' order by column_index), any_value(about)) "
        "from duckdb_columns() join "
        f"(select database_name, schema_name, table_name, coalesce(comment, '') as about from {TABLES_AND_VIEWS}) "
        "using (database_name, schema_name, table_name) "
        "where database_name = ? and schema_name = 'gold' group by 1 order by 1",
        [database],
    ).fetchall()
    states = {}
    for table, names, columns, comments in found:
        source = f'"{database}".gold."{table}"'
        if table in DELTA_ONLY:
            # By the pulls of each session: hashing every row of telemetry would take longer than building it.
            source = f"(select session_key, max(built_from), count(*) from {source} group by 1)"
        by_season = "season" in names and table not in DELTA_ONLY
        # A sum: with an exclusive or, two equal rows would cancel each other.
        parts = con.execute(
            f"select {'season' if by_season else 'null'}, count(*), coalesce(sum(hash(t)::hugeint), 0) from {source} t group by 1"
        ).fetchall()
        digest = f"{sum(n for _, n, _ in parts)}-{sum(hashed for *_, hashed in parts)}"
        seasons = {str(season): f"{n}-{hashed}" for season, n, hashed in parts}
        states[table] = TableState(digest, str(columns), str(comments), {} if "None" in seasons else seasons)
    return states
