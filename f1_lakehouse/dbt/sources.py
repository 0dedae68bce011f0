"""The dbt sources, generated from the catalog: `python -m f1_lakehouse.dbt.sources` writes the file.

Belongs here: the text of `dbt_f1/models/silver/_bronze__sources.yml`. A test compares the committed file with it, so that every
endpoint of the catalog is a source of dbt.

Does not belong here: models of silver (dbt), writing of bronze (lake/).
"""

from collections.abc import Iterable
from pathlib import Path

from f1_lakehouse.sources.catalog import Endpoint
from f1_lakehouse.sources.registry import ENDPOINTS

SOURCES_FILE = Path(__file__).parents[2] / "dbt_f1" / "models" / "silver" / "_bronze__sources.yml"

_HEADER = """\
# Generated from the catalog (f1_lakehouse/sources/*/endpoints.py); do not edit. To generate it again:
#   python -m f1_lakehouse.dbt.sources
version: 2

sources:
  - name: bronze
    schema: bronze
    description: >-
      Append-only Delta tables, one per endpoint, with the rows as served. A table can contain several pulls of a session;
      `_pulls` contains the current one. Read with the delta plugin, in the process of dbt only.
    config:
      tags: [bronze]
    tables:
"""

_PULLS: tuple[tuple[str, str], ...] = (
    ("pull_id", "Identifier of the pull; sorts by time"),
    ("endpoint", "Endpoint of the pull"),
    ("scope", "Partition of the pull: session_key, season, season and round (202405), or 0 for everything"),
    ("season", "Season of the partition"),
    ("started_at", "Time of the first request, UTC"),
    ("at", "Commit time of the pull, UTC"),
    ("outcome", "appended, unchanged, empty, empty_unconfirmed, emptied or failed"),
    ("rows", "Number of rows that the pull added to bronze"),
    ("quarantined", "Number of rows that could not be typed"),
    ("improbable", "Number of values outside the bounds of the catalog; the values are kept"),
    ("sha256", "Hash of the rows; equal for equal responses"),
    (
        "truth_pull_id",
        "Current pull of the partition after this pull: its rows in bronze are valid; null when there is none",
    ),
    ("requests", "Number of requests"),
    ("bytes", "Size of the responses, bytes"),
    ("seconds", "Duration of the pull, s"),
    ("waited_s", "Part of the duration spent waiting for the rate limiter, s"),
    ("added_columns", "Served columns that are not in the catalog"),
    ("missing_columns", "Columns of the catalog that were not served"),
    ("retyped_columns", "Columns served with another type"),
    ("why", "Reason for the pull, e.g. first or +3d"),
    ("run_id", "Dagster run of the pull"),
    ("error", "Error message of a failed pull"),
    ("delta_version", "Version of the bronze table after the pull"),
    ("code_version", "Code version used for the pull"),
    ("error_type", "Class of the error of a failed pull; null in rows from before this column existed"),
    ("error_cause", "Cause of the error; null as error_type"),
    ("error_url", "URL of the request that failed; null if the error has none, and as error_type"),
    ("error_cure", "What to do about the error; null if there is nothing, and as error_type"),
)
_QUARANTINE: tuple[tuple[str, str], ...] = (
    ("endpoint", "Endpoint that served the row"),
    ("session_key", "Partition of the pull: the session_key"),
    ("pull_id", "Pull that contained the row"),
    ("reason", "Reason for which the row could not be typed"),
    ("raw", "The row as served, JSON text"),
    ("at", "Time of the quarantine, UTC"),
)


def _quoted(text: str) -> str:
    """A YAML scalar that survives colons, hashes and quotes."""
    return "'" + text.replace("'", "''") + "'"


def _table(name: str, description: str, columns: Iterable[tuple[str, str]]) -> str:
    lines = [
        f"      - name: {name}",
        f"        description: {_quoted(description)}",
        "        config:",
        "          meta:",
        "            plugin: delta",
        "            dagster:",
        f"              asset_key: [bronze, {name}]",
        "        columns:",
    ]
    for column, text in columns:
        lines += [f"          - name: {column}", f"            description: {_quoted(text)}"]
    return "\n".join(lines) + "\n"


def sources_yaml(endpoints: Iterable[Endpoint] = ENDPOINTS) -> str:
    """The sources file: one table per endpoint, then the pull log and the quarantine."""
    tables = [
        _table(
            endpoint.name,
            endpoint.description,
            (
                (field.name, (field.metadata or {})[b"description"].decode())
                for field in endpoint.bronze_schema
            ),
        )
        for endpoint in endpoints
    ]
    tables.append(_table("_pulls", "The pull log: partition, time and outcome of each pull", _PULLS))
    tables.append(_table("_quarantine", "Rows that could not be typed, as served", _QUARANTINE))
    return _HEADER + "".join(tables)


if __name__ == "__main__":
    SOURCES_FILE.write_text(sources_yaml(), encoding="utf-8")
