"""Whether a DuckDB file is still the one that was recorded.

Not here: who records it, and what follows from a change (build_record.py, publication.py).
"""

from pathlib import Path

import duckdb


def identity(path: Path) -> str:
    """Return a text that changes when any program writes to the file, and with the version of DuckDB that would continue it."""
    found = path.stat()
    return f"{found.st_size} {found.st_mtime_ns} {duckdb.__version__}"
