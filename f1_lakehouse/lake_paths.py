"""The folders and files of a lake, as they follow from its root and its store.

Belongs here: where things are. Does not belong here: the other settings (settings.py). Imports only the standard library: the Python API
opens a lake in less time than it takes to import pydantic.
"""

import os
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

HAS_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:/")
"""A URI instead of a local path."""

UNUSABLE = re.compile(r"""[][#?%^|\\*{}\x00-\x1f\x7f]""")
"""Characters that the path of a lake must not contain. delta-rs converts paths to URLs: some of these characters end the path early or
are decoded (delta-rs then reads another folder), some make it panic; DuckDB reads the others as glob patterns."""


class Environment(StrEnum):
    """The deployment: dbt target and default root."""

    DEV = "dev"
    STAGE = "stage"
    PROD = "prod"


class LakePaths:
    """The paths of one lake. `root`: absolute local folder; `store`: absolute folder or URI, without a trailing slash."""

    @property
    def root(self) -> Path:
        """Absolute local folder of the lake: warehouse, published gold, Dagster instance, rate limits."""
        raise NotImplementedError

    @property
    def store(self) -> str:
        """Absolute folder, or URI without a trailing slash, of landing, bronze and published Delta tables."""
        raise NotImplementedError

    @property
    def bronze(self) -> str:
        """Folder or URI of the bronze tables."""
        return f"{self.store}/bronze"

    @property
    def landing(self) -> str:
        """Folder or URI of the landing zone: raw responses."""
        return f"{self.store}/landing"

    @property
    def published_tables(self) -> str:
        """Folder or URI of the published Delta tables."""
        return f"{self.store}/gold"

    @property
    def records(self) -> str:
        """Folder or URI of the run log and the alert log."""
        return f"{self.store}/metrics"

    @property
    def models(self) -> Path:
        """Folder of the trained models of strategy/."""
        return self.root / "models"

    @property
    def metrics(self) -> Path:
        """Path of the metrics file for the textfile collector of Prometheus."""
        return self.root / "metrics" / "f1.prom"

    @property
    def lineage(self) -> Path:
        """Folder of the lineage events."""
        return self.root / "lineage"

    @property
    def warehouse(self) -> Path:
        """The pipeline's private DuckDB file."""
        return self.root / "warehouse.duckdb"

    @property
    def spark_warehouse(self) -> str:
        """Folder or URI of the Delta tables that the engine `spark` builds."""
        return f"{self.store}/spark"

    @property
    def gold(self) -> Path:
        """The published DuckDB file; replaced by rename, never changed in place."""
        return self.root / "gold.duckdb"

    @property
    def dagster_home(self) -> Path:
        """Dagster's instance folder."""
        return self.root / "dagster"


@dataclass(frozen=True)
class ReadPaths(LakePaths):
    """The paths of a lake that is only read."""

    env: str = Environment.DEV
    lakehouse_root: Path | None = None
    store_uri: str | None = None

    @property
    def root(self) -> Path:
        """See `LakePaths`."""
        return lake_root(self.env, self.lakehouse_root)

    @property
    def store(self) -> str:
        """See `LakePaths`."""
        return lake_store(self.root, self.store_uri)


def read_paths(root: Path | None = None) -> ReadPaths | None:
    """Return the paths of the lake at `root`, or of the lake that the environment names, as `Settings` has them.

    None if a value is malformed: reading the settings raises the error with its name and cure.
    """
    env = os.environ.get("F1_ENV") or "dev"
    named = os.environ.get("F1_LAKEHOUSE_ROOT")
    given = root or (Path(named) if named else None)
    if env not in list(Environment) or HAS_SCHEME.match(str(given)):
        return None
    paths = ReadPaths(env, given, os.environ.get("F1_STORE_URI") or None)
    local = [str(paths.root)] if "://" in paths.store else [str(paths.root), paths.store]
    return None if any(UNUSABLE.search(path) for path in local) else paths


def lake_root(env: str, given: Path | None) -> Path:
    """The absolute folder of a lake. `given`: F1_LAKEHOUSE_ROOT, by default a folder per environment."""
    default = Path("local_data") if env == Environment.DEV else Path("local_data") / env
    return (given or default).expanduser().absolute()


def lake_store(root: Path, given: str | None) -> str:
    """The absolute folder or URI of landing, bronze and published Delta tables. `given`: F1_STORE_URI, by default the root."""
    if given and "://" in given:
        return given.rstrip("/")
    # Absolute, because child processes run in other folders.
    return str(Path(given).expanduser().absolute() if given else root)
