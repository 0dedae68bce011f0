"""A transform that builds only what has changed leaves the tables that a complete one makes. Slow: each step builds twice.

Does not belong here: which tables are left out (tests/unit/test_build_selection.py).
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from loaded_lake import F1, RACE, environment_of

from f1_lakehouse.dbt.engine import MEMORY
from f1_lakehouse.simulator.embedded import embedded_sources
from f1_lakehouse.simulator.generate import generate, publish_corrections

pytestmark = pytest.mark.slow

SECOND_RACE = RACE + 10
OF_EARLIER_BUILDS = {*MEMORY, ("gold", "source_changes")}
"""Tables with rows of earlier builds, which the complete build in a copy of the lake has one more of."""


@dataclass
class Lake:
    """A lake, and the environment of `f1` on it."""

    root: Path
    served: Path
    environment: dict[str, str]

    def f1(self, *arguments: str, root: Path | None = None) -> None:
        done = subprocess.run(
            [F1, *arguments],
            env={**self.environment, "F1_LAKEHOUSE_ROOT": str(root or self.root)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def built(self) -> set[str]:
        """Return the tables that the last build has made."""
        results = json.loads((self.root / "dbt" / "run_results.json").read_text())["results"]
        return {
            name for one in results for kind, *_, name in [one["unique_id"].split(".")] if kind == "model"
        }

    def differences(self, copy: Path) -> dict[str, int]:
        """Return each table that has other rows than that of a complete build in a copy of the lake → how many."""
        shutil.copytree(self.root, copy)
        self.f1("transform", "--full-refresh", root=copy)
        with duckdb.connect() as con:
            for name, root in {"mine": self.root, "complete": copy}.items():
                con.execute(f"attach '{root}/warehouse.duckdb' as {name} (read_only)")
            tables = con.execute(
                "select schema_name, table_name from duckdb_tables() where database_name = 'complete' "
                "and schema_name in ('silver', 'gold')"
            ).fetchall()
            assert len(tables) > 100
            counted = {
                f"{schema}.{table}": con.execute(
                    f"""select count(*) from (
                        (from mine.{schema}.{table} except all from complete.{schema}.{table}) union all
                        (from complete.{schema}.{table} except all from mine.{schema}.{table}))"""
                ).fetchall()[0][0]
                for schema, table in tables
                if (schema, table) not in OF_EARLIER_BUILDS
            }
        return {table: rows for table, rows in counted.items() if rows}


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    served = tmp_path / "openf1"
    generate(served, season=2024, meetings=2, telemetry=False, seed=3)
    with embedded_sources(served, tmp_path / "others") as sources:
        environment = {**environment_of(tmp_path / "lake", ""), **sources, "HOME": os.environ["HOME"]}
        yield Lake(tmp_path / "lake", served, environment)


def test_tables_are_those_of_a_complete_build_after_each_kind_of_load(lake: Lake, tmp_path: Path) -> None:
    lake.f1("load", "--session", str(RACE), "--no-telemetry")
    everything = lake.built()
    steps: dict[str, tuple[list[str], set[str]]] = {
        "another source": (["--season", "1956", "2024", "--source", "jolpica"], {"fact_laps", "silver_laps"}),
        "a correction of one endpoint": (
            ["--session", str(RACE), "--endpoint", "laps", "--force"],
            {"fact_weather", "silver_jolpica_races", "silver_weather"},
        ),
        "another race": (
            ["--session", str(SECOND_RACE), "--no-telemetry", "--source", "openf1"],
            {"silver_jolpica_races", "silver_jolpica_race_results"},
        ),
        "another season of the other source": (
            ["--season", "1957", "--source", "jolpica"],
            {"fact_laps", "lap_features", "fact_results"},
        ),
    }
    for number, (step, (arguments, left_out)) in enumerate(steps.items()):
        if number == 1:
            publish_corrections(lake.served)
        lake.f1("load", *arguments)
        built = lake.built()
        assert built < everything, step
        assert not built & left_out, step
        assert lake.differences(tmp_path / f"copy-{number}") == {}, step
