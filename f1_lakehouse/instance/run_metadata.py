"""The tag and metadata keys by which a transform records what it was built from, and what it published.

They are stored with every run and do not change. What the run log makes of them is in defs/monitoring.py.
"""

from datetime import datetime

import dagster as dg

from f1_lakehouse.instance.run_tags import (
    BRONZE_SEEN_AT,
    BRONZE_VERSION,
    CODE,
    DBT,
    record_tag,
    recorded,
)
from f1_lakehouse.observability.run_log import code_version
from f1_lakehouse.project_files import project_digest

FINGERPRINTS, DELTA_VERSIONS = "fingerprints", "delta_versions"
"""Metadata of published_gold: table → fingerprint, and table → version of its Delta table."""
ROW_COUNT = "dagster/row_count"
"""Metadata of a table: its rows."""
UNCHANGED = "unchanged"
"""Metadata of a table that was not built, because nothing that it is made from has changed since the last build."""


def tag_transform(context: dg.AssetExecutionContext, bronze_version: str, seen_at: datetime | None) -> None:
    """Tag the run, before it builds anything, with the version of the code and the version of bronze that it reads."""
    record = {
        **recorded(context.run.tags),
        CODE: code_version(),
        DBT: project_digest(),
        BRONZE_VERSION: bronze_version,
    }
    if seen_at is not None:
        record[BRONZE_SEEN_AT] = seen_at.isoformat()
    context.instance.add_run_tags(context.run.run_id, record_tag(record))
