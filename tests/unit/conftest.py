"""Bronze and landing in a temporary folder, and pulls with the rows of a test."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from deltalake import DeltaTable
from served_race import lake, server, source, write  # noqa: F401  # fixtures

from f1_lakehouse.sources.openf1.endpoints import BY_NAME
from f1_lakehouse.storage.bronze import Bronze
from f1_lakehouse.storage.landing import Landing, Manifest
from f1_lakehouse.storage.pull_log import Pull

NOON = datetime(2024, 9, 22, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Received:
    """A response as returned by the client."""

    url: str
    body: bytes
    status: int = 200
    at: datetime = NOON
    seconds: float = 0.25
    waited: float = 0.5

    @property
    def is_empty(self) -> bool:
        return self.status == 404 or self.body == b"[]"


@dataclass
class BronzeSetup:
    """Landing and bronze of one lake, and the steps of a pull without a source."""

    folder: Path
    landing: Landing
    bronze: Bronze

    def land(
        self,
        rows: list[Any] | list[list[Any]],
        endpoint: str = "laps",
        scope: int = 9606,
        at: datetime = NOON,
        season: int = 2024,
    ) -> Manifest:
        """Land one pull: a list of rows is one response, a list of lists are several, an empty list is a 404."""
        answers = rows if rows and isinstance(rows[0], list) else [rows]
        opened = self.landing.begin(endpoint, scope, season, at, "test")
        for number, answer in enumerate(answers):
            body, status = (orjson.dumps(answer), 200) if answer else (b'{"detail":"No results found."}', 404)
            opened.add(Received(f"http://api/{endpoint}?part={number}", body, status, at))
        return opened.commit(at)

    def apply(self, manifest: Manifest, *, force: bool = False) -> Pull:
        """Apply a landed pull to bronze."""
        return self.bronze.apply(manifest, self.bronze.parse(self.landing, manifest), force=force)

    def pull(self, rows: list[Any], endpoint: str = "laps", scope: int = 9606, **rest: Any) -> Pull:
        """Land and apply a pull, one hour after the last pull of the partition unless `at` is given."""
        force = rest.pop("force", False)
        before = len(self.landing.pull_ids(endpoint, scope))
        rest.setdefault("at", NOON + timedelta(hours=before))
        return self.apply(self.land(rows, endpoint, scope, **rest), force=force)

    def table(self, endpoint: str = "laps") -> list[dict[str, Any]]:
        """Return all rows of an endpoint in bronze."""
        return DeltaTable(self.bronze.table_uri(endpoint)).to_pyarrow_table().to_pylist()

    def current_rows(self, endpoint: str = "laps", scope: int = 9606) -> list[dict[str, Any]]:
        """Return the rows of the current pull."""
        return self.bronze.rows(endpoint, scope).to_pylist()

    def quarantine(self) -> list[dict[str, Any]]:
        """Return all quarantined rows."""
        return DeltaTable(f"{self.bronze.uri}/_quarantine").to_pyarrow_table().to_pylist()

    def pulls(self) -> list[dict[str, Any]]:
        """Return the rows of the pull log, read without a cache."""
        return DeltaTable(f"{self.bronze.uri}/_pulls").to_pyarrow_table().to_pylist()

    def version(self, endpoint: str = "laps") -> int:
        """Return the Delta version of an endpoint's table."""
        return DeltaTable(self.bronze.table_uri(endpoint)).version()


@pytest.fixture(scope="session")
def empty_bronze(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bronze")
    Bronze(str(folder)).create()
    return folder


@pytest.fixture(scope="session")
def bronze_in(empty_bronze: Path) -> Callable[[Path], BronzeSetup]:
    """A function that opens landing and bronze in a folder; the tables are empty unless the folder has them."""

    def opened(folder: Path) -> BronzeSetup:
        if not (folder / "bronze").exists():
            shutil.copytree(empty_bronze, folder / "bronze")
        return BronzeSetup(folder, Landing(str(folder / "landing")), Bronze(str(folder / "bronze")))

    return opened


@pytest.fixture
def bronze_setup(tmp_path: Path, bronze_in: Callable[[Path], BronzeSetup]) -> BronzeSetup:
    return bronze_in(tmp_path)


@pytest.fixture(scope="session")
def lap() -> Callable[..., dict[str, Any]]:
    """A function that returns a row of `laps`."""

    def make(number: int = 1, driver: int = 4, **rest: Any) -> dict[str, Any]:
        row = dict.fromkeys(BY_NAME["laps"].schema.names)
        return row | {
            "meeting_key": 1244,
            "session_key": 9606,
            "driver_number": driver,
            "lap_number": number,
            "lap_duration": 95.5 + number,
            "is_pit_out_lap": number == 1,
            "segments_sector_1": [None, 2049, 2051],
            **rest,
        }

    return make
