"""Published gold with the rows of a test: the tables follow the contracts of the dbt models."""

import contextlib
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from shutil import copyfile
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import write_deltalake

from f1_lakehouse.dbt.manifest import manifest
from f1_lakehouse.settings import Settings
from f1_lakehouse.site.site import FAMILIES, Built, open_site

START = datetime.fromisoformat("2025-03-16T04:00")  # naive as in gold, where every time is UTC
KEYS = {"race": 103, "qualifying": 102, "sprint": 101, "practice": 100}


def contracts() -> dict[str, dict[str, str]]:
    """Return gold table → column → type of the contracts of the models."""
    nodes = manifest()["nodes"].values()
    return {
        node["name"]: {column["name"]: column["data_type"] for column in node["columns"].values()}
        for node in nodes
        if node["resource_type"] == "model" and node["schema"] == "gold"
    }


@cache
def _duckdb() -> duckdb.DuckDBPyConnection:
    """Return the DuckDB of this process that writes the files of all tests: to start one takes 25 ms, to attach a file 6."""
    return duckdb.connect()


@contextlib.contextmanager
def writing(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a file as the database gold, whose tables need no schema, and close it after the block."""
    with _duckdb().cursor() as con:
        con.execute(f"attach '{file}' as gold")
        try:
            con.execute("use gold")
            yield con
        finally:
            con.execute("use memory")
            con.execute("detach gold")


def make_empty(file: Path) -> None:
    """Create a gold.duckdb without rows."""
    with writing(file) as con:
        con.execute("create schema gold.meta")
        for table, columns in contracts().items():
            con.execute(f"create table gold.{table} ({', '.join(f'{n} {t}' for n, t in columns.items())})")
        con.execute(
            "create table gold.meta.publication as select '1-a' as bronze_version, "
            "timestamp '2025-03-17 10:00:00' as published_at, '0.1' as code_version, '{}'::json as tables"
        )


class GoldTables:
    """A gold.duckdb that a test fills row by row."""

    def __init__(self, root: Path, file: Path) -> None:
        """In a new lake, begin with a copy of a file."""
        self.settings = Settings(lakehouse_root=root)
        root.mkdir(parents=True)
        copyfile(file, self.settings.gold)

    def run(self, sql: str, *values: object) -> None:
        """Execute SQL; unqualified tables are in the schema gold."""
        with writing(self.settings.gold) as con:
            con.execute("set search_path = 'gold.main,gold.meta'")
            con.execute(sql, values)

    def insert(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Add rows in one statement; a column that a row does not name is null."""
        columns = list(dict.fromkeys(name for row in rows for name in row))
        row_of_parameters = f"({', '.join('?' for _ in columns)})"
        with writing(self.settings.gold) as con:
            con.execute(
                f"insert into {table} ({', '.join(columns)}) values {', '.join([row_of_parameters] * len(rows))}",
                [row.get(name) for row in rows for name in columns],
            )

    # A weekend of two cars

    def weekend(self, *kinds: str, name: str = "Paper Grand Prix", cancelled: bool = False) -> None:
        """Add meeting 10 of 2025 and its sessions without further rows."""
        category = {"race": "Race", "qualifying": "Qualifying", "sprint": "Sprint", "practice": "Practice"}
        self.insert(
            "dim_meetings",
            [
                {
                    "meeting_key": 10,
                    "season": 2025,
                    "round_number": None if cancelled else 1,
                    "meeting_name": name,
                    "grand_prix_slug": "paper",
                    "circuit_short_name": "Paper Park",
                    "date_start": START,
                    "is_test": False,
                    "is_cancelled": cancelled,
                }
            ],
        )
        self.insert(
            "dim_sessions",
            [
                {
                    "session_key": KEYS[kind],
                    "meeting_key": 10,
                    "season": 2025,
                    "round_number": None if cancelled else 1,
                    "meeting_name": name,
                    "session_name": category[kind],
                    "session_category": category[kind],
                    "circuit_short_name": "Paper Park",
                    "country_name": "Nowhere",
                    "date_start": START + timedelta(hours=KEYS[kind] - 103),
                    "is_cancelled": cancelled,
                    "is_race": kind == "race",
                    "is_sprint": kind == "sprint",
                    "is_qualifying": kind == "qualifying",
                }
                for kind in kinds
            ],
        )

        self.insert(
            "session_coverage",
            [
                {"session_key": KEYS[kind], "season": 2025, "date_start": START}
                | dict.fromkeys(
                    (n for n in contracts()["session_coverage"] if n.endswith(("_rows", "_laps"))), 0
                )
                | dict.fromkeys(
                    (n for n in contracts()["session_coverage"] if n.startswith(("is_", "has_"))), False
                )
                for kind in kinds
            ],
        )

    def driver(
        self,
        number: int,
        name: str = "Ann Other",
        label: str = "ANN",
        team: str = "Team",
        colour: str = "FF8000",
    ) -> None:
        """Add a driver with a team; `driver_id` is d<number>, `team_id` t<number>."""
        self.insert(
            "dim_drivers",
            [
                {
                    "driver_id": f"d{number}",
                    "driver_number": number,
                    "name_acronym": label,
                    "full_name": name,
                    "team_id": f"t{number}",
                    "team_name": team,
                    "valid_from": datetime.fromisoformat("2025-01-01"),
                    "is_current": True,
                }
            ],
        )
        self.insert(
            "dim_team_seasons",
            [{"season": 2025, "team_id": f"t{number}", "team_name": team, "team_colour": colour}],
        )

    def results(self, kind: str, *rows: dict[str, Any], team: str = "Team") -> None:
        """Add rows of fact_results in the order of the classification."""
        self.insert(
            "fact_results",
            [
                {
                    "session_key": KEYS[kind],
                    "meeting_key": 10,
                    "season": 2025,
                    "session_category": kind.capitalize(),
                    "position": position,
                    "status": "Finished",
                    "driver_id": f"d{row['driver_number']}",
                    "team_id": f"t{row['driver_number']}",
                    "team_name": team,
                    "pulled_at": START,
                }
                | row
                for position, row in enumerate(rows, 1)
            ],
        )

    def laps(
        self, kind: str, number: int, times: list[float], status: str = "Green", position: int = 1
    ) -> None:
        """Add consecutive clean laps of a driver on soft tyres, and the rows that depend on them."""
        at, rows = START, []
        common = {
            "session_key": KEYS[kind],
            "meeting_key": 10,
            "season": 2025,
            "driver_number": number,
            "driver_id": f"d{number}",
            "team_id": f"t{number}",
            "team_name": "Team",
        }
        for lap, seconds in enumerate(times, 1):
            rows.append(
                common
                | {
                    "lap_number": lap,
                    "lap_start_at": at,
                    "lap_end_at": at + timedelta(seconds=seconds),
                    "lap_duration": seconds,
                    "is_valid_lap": True,
                    "is_clean_lap": True,
                    "compound": "SOFT",
                    "tyre_age_laps": lap,
                    "position_at_lap_end": position,
                    "track_status": status,
                    "stint_number": 1,
                    "pulled_at": START,
                }
            )
            at += timedelta(seconds=seconds)
        self.insert("fact_laps", rows)
        if kind in ("race", "sprint"):
            self.insert(
                "steady_pace_gaps",
                [
                    {
                        "session_key": KEYS[kind],
                        "season": 2025,
                        "driver_number": number,
                        "lap_number": lap,
                        "reference_driver_number": number,
                        "reference_lap_s": 90.0,
                        "gap_to_steady_s": sum(times[:lap]) - 90.0 * lap,
                    }
                    for lap in range(1, len(times) + 1)
                ],
            )
        best = min(times)
        self.insert(
            "session_leaderboard",
            [
                common
                | {
                    "position": position,
                    "fastest_lap_time": best,
                    "fastest_lap_number": times.index(best) + 1,
                    "delta_to_fastest": 0.0,
                }
            ],
        )
        sectors = {f"best_sector_{i}": best / 3 for i in (1, 2, 3)}
        self.insert(
            "driver_session_summary",
            [
                common
                | sectors
                | {"fastest_lap_time": best, "theoretical_best_lap": best, "total_laps": len(times)}
            ],
        )
        self.insert(
            "race_pace",
            [
                common
                | {
                    "clean_laps": len(times),
                    "median_pace_s": sorted(times)[len(times) // 2],
                    "pace_rank": position,
                    "gap_to_best_s": 0.0,
                }
            ],
        )
        self.insert(
            "fact_stints",
            [
                common
                | {
                    "stint_number": 1,
                    "compound": "SOFT",
                    "tyre_age_at_start": 0,
                    "lap_start": 1,
                    "lap_end": len(times),
                    "stint_laps": len(times),
                    "clean_laps": len(times),
                    "median_pace_s": sorted(times)[len(times) // 2],
                }
            ],
        )

    def telemetry(self, kind: str, laps: dict[int, dict[int, int]], samples: int = 40) -> None:
        """Publish the telemetry of a session: driver → lap → speed, km/h; a sample every 0.25 s, the brakes on in every tenth."""
        rows = [
            {
                "session_key": KEYS[kind],
                "driver_number": number,
                "lap_number": lap,
                "date": START + timedelta(seconds=1000 * lap + i / 4),
                "lap_elapsed_s": i / 4,
                "lap_distance_m": i / 4 * speed / 3.6,
                "speed": speed + i % 3,
                "throttle": 104 if i == 0 else i,
                "brake": 100 if i % 10 == 0 else 0,
                "n_gear": 3 + i % 5,
                "position_x": i * 10,
                "position_y": i,
                "built_from": str(laps),
            }
            for number, by_lap in laps.items()
            for lap, speed in by_lap.items()
            for i in range(samples)
        ]
        write_deltalake(
            f"{self.settings.published_tables}/fact_telemetry",
            pa.Table.from_pylist(rows),
            mode="overwrite",
            partition_by=["session_key"],
        )


def build(settings: Settings, families: Collection[str] = FAMILIES) -> Built:
    """Update the pages from published gold."""
    with open_site(settings) as opened:
        return opened.build(families)
