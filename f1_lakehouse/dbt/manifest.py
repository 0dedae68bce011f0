"""dbt's manifest of the project: how it is made and stored, and what it says of models, sources and tests.

No Dagster: how dbt's nodes become assets is in defs/dbt.py. Which columns a column is made from is in lineage/columns.py.
"""

import os
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from f1_lakehouse.dbt.parse_cache import digest_of_parsed_files, share_parse, take_shared_parse
from f1_lakehouse.dbt.project import PARTIAL_PARSE, discard_foreign_parse, run_dbt
from f1_lakehouse.settings import Settings, load_settings
from f1_lakehouse.storage.object_store import write_atomically


@cache
def manifest() -> dict[str, Any]:
    """Return dbt's manifest of the project; read once per process."""
    return load_manifest()


def is_manifest_loaded() -> bool:
    """Return whether this process has read the manifest."""
    return manifest.cache_info().currsize > 0


def load_manifest() -> dict[str, Any]:
    """Read dbt's manifest of the project from the lake; parse the project if that manifest is of other files or another dbt version.

    A parse that another lake of this user has made of the same files is used (parse_cache.py). Otherwise the project is parsed in a
    temporary folder and the manifest moved to its path, because UI and daemon start at the same time and may both find it missing. Where
    this process has only read access to the lake, the manifest is not stored. dagster-dbt's own preparer is not used: it starts the `dbt`
    of PATH, and writes into the project, which may be read-only.

    Raises:
        DbtError: the project cannot be parsed.
    """
    # The manifest is the same for every lake, but dbt reads the lake's paths from the environment even to parse.
    settings = load_settings()
    home = settings.root / "dbt"
    kept = home / f"manifest-{digest_of_parsed_files()}-{version('dbt-core')}.json"
    if kept.exists():
        return dict(orjson.loads(kept.read_bytes()))
    is_writable = _is_writable(home)
    if is_writable and (shared := take_shared_parse(home)) is not None:
        write_atomically(kept, shared)
        return dict(orjson.loads(shared))
    with TemporaryDirectory(dir=home if is_writable else None, prefix=".parse-") as folder:
        content = parse_project(settings, Path(folder))
        if is_writable:
            # The next build of this lake uses dbt's cache of this parse: the profile is the same.
            discard_foreign_parse(home)
            (Path(folder) / PARTIAL_PARSE).replace(home / PARTIAL_PARSE)
            for old in home.glob("manifest-*.json"):
                old.unlink(missing_ok=True)
            write_atomically(kept, content)
    return dict(orjson.loads(content))


def parse_project(settings: Settings, folder: Path) -> bytes:
    """Parse the project into a folder, and share the parse; return the manifest.

    The SQL of the data tests is compiled too, for data_tests.py. It depends on no row, so the warehouse is an empty one.

    Raises:
        DbtError: the project cannot be parsed.
    """
    warehouse = {"F1_WAREHOUSE": str(folder / settings.warehouse.name)}
    run_dbt(["compile", "--quiet", "--select", "resource_type:test"], settings, folder, warehouse)
    share_parse(folder)
    return (folder / "manifest.json").read_bytes()


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def nodes(*resource_types: str) -> Iterator[Mapping[str, Any]]:
    """Yield the nodes of these types: model, seed, snapshot, test."""
    return (node for node in manifest()["nodes"].values() if node["resource_type"] in resource_types)


def silver_tables() -> dict[str, str]:
    """Return each endpoint → the silver table that is made from it."""
    tables = {}
    for node in nodes("model"):
        if node["name"].startswith("silver_"):
            for parent in node["depends_on"]["nodes"]:
                name = parent.rsplit(".", 1)[1]
                if parent.startswith("source.") and not name.startswith("_"):
                    tables[name] = node["name"]
    return tables


def tables_read() -> set[str]:
    """Return the bronze tables that any model reads."""
    parents = (parent for node in nodes("model") for parent in node["depends_on"]["nodes"])
    return {parent.rsplit(".", 1)[1] for parent in parents if parent.startswith("source.")}


def tables_made() -> set[tuple[str, str]]:
    """Return schema and name of every table that a model or seed makes."""
    return {(node["schema"], node["alias"]) for node in nodes("model", "seed")}


def tables_that_read_a_snapshot() -> set[str]:
    """Return the models that read a snapshot: they depend on all earlier runs, not on bronze alone."""
    return {
        node["name"]
        for node in manifest()["nodes"].values()
        if any(parent.startswith("snapshot.") for parent in node["depends_on"].get("nodes", ()))
    }


def test_aliases() -> dict[str, str]:
    """Return the unique id of each dbt test → its alias, which is the name of the table with the rows that failed it."""
    return {node["unique_id"]: node["alias"] for node in nodes("test")}
