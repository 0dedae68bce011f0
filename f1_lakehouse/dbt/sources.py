"""The dbt sources, made from the catalog: `python -m f1_lakehouse.dbt.sources` writes the file.

Here: the text of `dbt_f1/models/silver/_bronze__sources.yml`, and nothing but text. A test holds the committed file
equal to it, so an endpoint that is added to the catalogue cannot be forgotten in dbt.

Not here: what silver does with a source (dbt), how bronze is written (lake/).
"""

from collections.abc import Iterable
from pathlib import Path

from f1_lakehouse.sources.registry import ENDPOINTS

SOURCES_FILE = Path(__file__).parents[2] / "dbt_f1" / "models" / "silver" / "_bronze__sources.yml"

_HEADER = """\
# Generated from the catalog (f1_lakehouse/sources/*/endpoints.py); do not edit. To write it again:
#   python -m f1_lakehouse.dbt.sources
version: 2

sources:
  - name: bronze
    schema: bronze
    description: >-
      Append-only Delta tables, one an endpoint, as the API served the rows. Several pulls of one session may lie in a
      table; which of them is the truth stands in `_pulls`. Read through the delta plugin, inside dbt's process only.
    config:
      tags: [bronze]
    tables:
"""

_PULLS: tuple[tuple[str, str], ...] = (
    ("pull_id", "Identity of the pull; sorts by time"),
    ("endpoint", "Endpoint that was asked"),
    ("scope", "What was asked for: the session_key, or the season for meetings and sessions"),
    ("season", "Season of the scope"),
    ("started_at", "When the first request was sent, UTC"),
    ("at", "When the pull was done, UTC"),
    ("outcome", "appended, unchanged, empty, empty_unconfirmed, emptied or failed"),
    ("rows", "Rows that the pull brought to bronze"),
    ("quarantined", "Rows that could not be typed"),
    ("improbable", "Values outside the catalogue's bounds; kept"),
    ("sha256", "Hash of the rows; equal hash, equal answer"),
    ("truth_pull_id", "Pull whose bronze rows are the truth after this one; null when there is none"),
    ("requests", "Requests sent"),
    ("bytes", "Bytes received"),
    ("seconds", "Time taken, s"),
    ("waited_s", "Of it spent waiting for the rate limit, s"),
    ("added_columns", "Columns that the catalogue does not know"),
    ("missing_columns", "Columns of the catalogue that were not served"),
    ("retyped_columns", "Columns that came with another type"),
    ("why", "Why the pull was made, e.g. first or +3d"),
    ("run_id", "Orchestrator run that made it"),
    ("error", "Error of a failed pull, in one line"),
    ("delta_version", "Version of the bronze table after it"),
    ("code_version", "Version of the code that made it"),
    ("retries", "Attempts that were repeated; null in rows from before it was counted"),
    ("error_type", "Class of the error of a failed pull; null in rows from before this column existed"),
    ("error_cause", "Cause of the error; null as error_type"),
    ("error_url", "URL of the request that failed; null if the error has none, and as error_type"),
    ("error_cure", "What to do about the error; null if there is nothing, and as error_type"),
)
_QUARANTINE: tuple[tuple[str, str], ...] = (
    ("endpoint", "Endpoint that served the row"),
    ("session_key", "Scope of the pull"),
    ("pull_id", "Pull that brought the row"),
    ("reason", "Why it could not be typed"),
    ("raw", "The row as served, JSON text"),
    ("at", "When it was put aside, UTC"),
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
        f"            delta_table_path: \"{{{{ env_var('F1_BRONZE_URI') }}}}/{name}\"",
        "            dagster:",
        f"              asset_key: [bronze, {name}]",
        "        columns:",
    ]
    for column, text in columns:
        lines += [f"          - name: {column}", f"            description: {_quoted(text)}"]
    return "\n".join(lines) + "\n"


def sources_yaml() -> str:
    """The whole sources file: a table an endpoint, then the ledger of pulls and the quarantine."""
    tables = [
        _table(
            endpoint.name,
            endpoint.description,
            (
                (field.name, (field.metadata or {})[b"description"].decode())
                for field in endpoint.bronze_schema
            ),
        )
        for endpoint in ENDPOINTS
    ]
    tables.append(_table("_pulls", "The ledger of pulls: what was asked, when, and what came of it", _PULLS))
    tables.append(_table("_quarantine", "Rows that could not be typed, as they came", _QUARANTINE))
    return _HEADER + "".join(tables)


if __name__ == "__main__":
    SOURCES_FILE.write_text(sources_yaml(), encoding="utf-8")
