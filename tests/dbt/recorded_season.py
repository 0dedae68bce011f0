"""All recorded sessions of a season in one lake, the rows that were served, and the official results of Ergast.

Belongs here: reading the recorded files, and loading them. Does not belong here: expected values (the tests).
Needs F1_RECORDED_DATA with `openf1/` and `ergast/`. Some rounds were never recorded.
"""

import csv
import json
import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dbt_lake import Lake

from f1_lakehouse.sources.openf1.endpoints import SESSION_ENDPOINTS

NEEDS_RECORDED_DATA = [
    pytest.mark.slow,
    pytest.mark.skipif("F1_RECORDED_DATA" not in os.environ, reason="F1_RECORDED_DATA is not set"),
]
ROOT = Path(os.environ.get("F1_RECORDED_DATA", "."))
Row = dict[str, Any]


def served(endpoint: str, scope: int) -> list[Row]:
    file = ROOT / "openf1" / endpoint / f"{scope}.json"
    return list(json.loads(file.read_text())) if file.exists() else []


def ergast(table: str) -> list[Row]:
    with (ROOT / "ergast" / f"{table}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@dataclass(frozen=True)
class Season:
    """The lake of a season and its served rows."""

    year: int
    lake: Lake

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return self.lake.query(sql)

    def sessions(self, *names: str) -> list[Row]:
        return [row for row in served("sessions", self.year) if row["session_name"] in names]

    def with_rows(self, endpoint: str, *names: str) -> list[int]:
        return [row["session_key"] for row in self.sessions(*names) if served(endpoint, row["session_key"])]


def load_season(year: int, root: Path) -> Season:
    """Load and build the races, sprints and qualifyings of a season without telemetry."""
    made = Season(year, Lake(root))
    for endpoint in ("meetings", "sessions"):
        made.lake.pull_folder(ROOT / "openf1", endpoint, made.year, made.year)
    for row in made.sessions("Race", "Sprint", "Qualifying", "Sprint Qualifying", "Sprint Shootout"):
        for endpoint in SESSION_ENDPOINTS:
            if not endpoint.by_driver and endpoint.name not in ("team_radio",):
                made.lake.pull_folder(ROOT / "openf1", endpoint.name, row["session_key"], made.year)
    made.lake.build()
    return made


def rounds_of(year: int) -> dict[str, int]:
    """Return Ergast's raceId → round of the races of a season."""
    return {row["raceId"]: int(row["round"]) for row in ergast("races") if row["year"] == str(year)}


def name_slug(driver: Row) -> str:
    """Return the driver_id of gold for a driver of Ergast."""
    text = unicodedata.normalize("NFKD", f"{driver['forename']} {driver['surname']}".lower())
    slug = "-".join("".join(c for c in text if not unicodedata.combining(c)).split())
    return {"andrea-kimi-antonelli": "kimi-antonelli"}.get(slug, slug)
