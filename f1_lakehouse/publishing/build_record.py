"""The record of the last dbt build, `build.json`: what the warehouse holds, and whether it may be published.

Not here: whether gold is good enough to be published (dbt's tests and blocking checks), and what is published (publication.py).
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from f1_lakehouse.project_files import project_digest
from f1_lakehouse.publishing.file_state import identity
from f1_lakehouse.settings import EngineName, Settings
from f1_lakehouse.storage.object_store import write_atomically

LAYOUT = 2
"""Version of the layout of `gold.duckdb`; raise it with every change that lakes without new data must get. 1: tables in schema `gold`."""


@dataclass(frozen=True)
class Build:
    """A dbt build that succeeded: the version of bronze that it read, its run, and the version of the code (`current_digest`).

    `seen_at`: when the newest pull was logged that the build has certainly read; None: there was none. `endpoints`: the version of the table
    of each endpoint (`PullLog.versions`); empty if that is not known: an earlier version has built, or the warehouse was changed since.
    """

    bronze_version: str
    run_id: str
    built_at: datetime
    seen_at: datetime | None = None
    digest: str | None = None
    endpoints: dict[str, str] = field(default_factory=dict)


def current_digest() -> str:
    """Return the version of everything that determines what is published: the file's layout and the dbt project."""
    return f"{LAYOUT}-{project_digest()}"


def _path(settings: Settings) -> Path:
    return settings.root / "build.json"


def record_build(settings: Settings, build: Build) -> None:
    """Record a build that succeeded; `publish` requires it."""
    # In a file of their own: earlier versions of the code cannot read a record with other fields than theirs.
    endpoints = {
        "run_id": build.run_id,
        "warehouse": _warehouse(settings),
        "endpoints": build.endpoints,
    }
    write_atomically(_endpoints_path(settings), orjson.dumps(endpoints))
    record = {key: value for key, value in asdict(build).items() if key != "endpoints"}
    write_atomically(_path(settings), orjson.dumps(record))


def mark_build_started(settings: Settings, digest: str | None = None) -> None:
    """Record that the warehouse is being changed: it must not be published until the next `record_build`.

    Args:
        digest: the version of the code that made all tables of the warehouse, those that are being rebuilt included; None: several.
    """
    if digest is None:
        _path(settings).unlink(missing_ok=True)
    else:
        write_atomically(_path(settings), orjson.dumps({"digest": digest}))


def _read(settings: Settings) -> dict[str, Any]:
    try:
        return dict(orjson.loads(_path(settings).read_bytes()))
    except FileNotFoundError:
        return {}


def last_build(settings: Settings) -> Build | None:
    """Return the build that the warehouse holds; None if a build is in progress or failed."""
    value = _read(settings)
    if "bronze_version" not in value:
        return None
    times = {k: datetime.fromisoformat(value[k]) for k in ("built_at", "seen_at") if value.get(k)}
    return Build(**{**value, **times}, endpoints=_endpoints(settings, value["run_id"]))


def _endpoints_path(settings: Settings) -> Path:
    return settings.root / "build_endpoints.json"


def _endpoints(settings: Settings, run_id: str) -> dict[str, str]:
    """The endpoints of the build of a run; empty if an earlier version has recorded that build, or if the warehouse is another file."""
    try:
        found = orjson.loads(_endpoints_path(settings).read_bytes())
    except FileNotFoundError:
        return {}
    is_of_build = found["run_id"] == run_id and found["warehouse"] == _warehouse(settings)
    return dict(found["endpoints"]) if is_of_build else {}


def _warehouse(settings: Settings) -> str:
    return identity(settings.warehouse) if settings.warehouse.exists() else ""


def must_rebuild(settings: Settings) -> bool:
    """Return whether another version of the code, or another engine, made what there is, so that all must be rebuilt from bronze."""
    if settings.engine is EngineName.SPARK or built_by(settings) is EngineName.SPARK:
        return settings.engine is not built_by(settings) or _read(settings).get("digest") != current_digest()
    return settings.warehouse.exists() and _read(settings).get("digest") != current_digest()


def _engine_path(settings: Settings) -> Path:
    return settings.root / "engine.txt"


def built_by(settings: Settings) -> EngineName:
    """Return the engine whose tables `build.json` is about, and which has the snapshots; DuckDB if there was never another one."""
    path = _engine_path(settings)
    return EngineName(path.read_text().strip()) if path.exists() else EngineName.DUCKDB


def record_built_by(settings: Settings, engine: EngineName) -> None:
    """Record that an engine has the snapshots and builds from now on."""
    write_atomically(_engine_path(settings), f"{engine}\n".encode())
