"""A season with planted odd values, pulled into bronze as by a load and built with dbt.

Belongs here: the odd values, how they are planted, the build of gold, and the search for the value that prevents a
build. The assertions are in test_dbt_odd_values.py.
"""

import copy
import gzip
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import duckdb
from dbt_lake import PROJECT

from f1_lakehouse.ingest import PullError, pull
from f1_lakehouse.lakehouse import Lake, connect
from f1_lakehouse.settings import Settings
from f1_lakehouse.simulator.generate import generate
from f1_lakehouse.simulator.server import Answer, ReplayServer
from f1_lakehouse.sources.catalog import Endpoint, Kind, Scope, SeasonPartition
from f1_lakehouse.sources.exchange import Clock
from f1_lakehouse.sources.openf1.calendar import Session, session
from f1_lakehouse.sources.openf1.endpoints import BY_NAME, ENDPOINTS
from f1_lakehouse.sources.openf1.source import OPENF1

SEASON = 2025
Served = dict[tuple[str, int], list[dict[str, Any]]]
"""The rows by endpoint and partition."""

_TEXTS: tuple[Any, ...] = (
    *("", " ", "-", "A-B", "A - B - C", "ümlaut", "東京", "NaN", "null", "None", "0", "-1", "1e309"),
    *("'; drop table laps; --", "<script>alert(1)</script>", "{{ 1/0 }}", "%s", "\\", '"', "a\nb\tc"),
    *(
        "\x00",
        "\u202eabc",
        "😀",
        "Unknown Team",
        "unknown-team",
        "Unknown Driver",
        "Race",
        "RED",
        "[",
        "x" * 70_000,
    ),
)
_WRONG: tuple[Any, ...] = (True, False, [], {}, [1], {"a": 1}, "text", 1.5, 7)
ODD_VALUES: dict[Kind, tuple[Any, ...]] = {
    Kind.INT: (
        *(
            0,
            -0.0,
            -1,
            1,
            58.0,
            99,
            100,
            201,
            46_341,
            65_536,
            10**6,
            10**8,
            10**9,
            -(10**9),
            2**31 - 1,
            2**31,
        ),
        *(-(2**31), 3_000_000_000, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 10**30, 1e300, -1e300, "12", "NaN"),
    ),
    Kind.DOUBLE: (
        *(0, -0.0, -1.5, 1e-9, 1e-320, 22.0004, 75.1004, 0.0005, 1e6, 3e9, 1e15, 1e18, -1e18, 1e300, -1e300),
        *(1.7976931348623157e308, 2**53 + 1, 10**30, "NaN", "inf", "12.5"),
    ),
    Kind.TEXT: _TEXTS,
    Kind.BOOL: (0, 1, "true", "", None),
    Kind.TIME: (
        *("0001-01-01T00:00:00+00:00", "0001-01-01T00:00:00", "9999-12-31T23:59:59.999999+00:00"),
        *("1677-09-21T00:12:43+00:00", "1969-12-31T23:59:59+00:00", "1970-01-01T00:00:00+00:00"),
        *("2262-04-12T00:00:00+00:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"),
        *("2025-02-30T00:00:00+00:00", "2025-03-16T05:00:00+05:30", "2025-03-16T24:00:00", "", "NaT", "soon"),
        *("2025-03-16T05:00:00", "2024-12-31T23:59:59+00:00", "2026-01-01T00:00:00+00:00", 1_742_101_200),
    ),
    Kind.INTS: (
        *([], [None], [None, None, None], [2**63 - 1], [2**63], [-1], ["a"], [[1]], [1.5], [2049.0]),
        *([0] * 5_000, "2049", 2049),
    ),
    Kind.JSON: (
        *(0, -1, 1.5, 1e300, -1e300, 1e-320, 2**63, 10**30, "+1 LAP", "+2 LAPS", "+0 LAPS", "+-1 LAP", "LAP"),
        *("+99999999999 LAPS", "+2147483647 LAPS", "+1 LAP +2 LAPS", "nan", "inf", "-inf", "1e400", "", " "),
        *(
            [],
            [None],
            [None, None, None],
            [1e300, None, "x"],
            [1, 2, 3, 4],
            [-1, 0, 1e9],
            [[1]],
            {},
            {"a": 1},
        ),
        *(True, False, "+", "[", "[1,2", "null", "x" * 70_000),
    ),
}


@dataclass(frozen=True)
class OddValue:
    """A planted value: in a row of an endpoint and partition, or with `copied` in a second row of the same key."""

    endpoint: str
    scope: int
    index: int
    column: str
    value: Any
    copied: bool = False

    def __str__(self) -> str:
        shown = repr(self.value)
        shown = shown if len(shown) < 80 else f"{shown[:60]}… ({len(shown)} characters)"
        row = f"row {self.index}{', copied' if self.copied else ''}"
        return f"{self.endpoint}.{self.column} = {shown} ({row} of {self.scope})"


def season(folder: Path) -> Served:
    """Generate the rows of two weekends, the second as a sprint weekend; feeds are thinned."""
    generate(folder, SEASON, 2, telemetry=True, telemetry_every=600, sprint_every=2)
    served = read(folder)
    return {key: rows[::40] if key[0] == "intervals" else rows for key, rows in served.items()}


def read(folder: Path) -> Served:
    """Read the rows of a folder by endpoint and partition."""
    served: Served = {}
    for endpoint in ENDPOINTS:
        for file in sorted((folder / endpoint.name).glob("*.json*")):
            text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
            served[endpoint.name, int(file.name.split(".")[0])] = json.loads(text)
    return served


def plant(rng: random.Random, served: Served, count: int) -> list[OddValue]:
    """`count` odd values, evenly distributed over the columns.

    A row has at most one odd value, and two thirds of the rows of a partition have none: a row with several odd values
    would be refused for the first one. When a third of a partition is used, further values are planted in copies of rows.
    """
    columns = [(endpoint, column) for endpoint in ENDPOINTS for column in endpoint.columns]
    rng.shuffle(columns)
    odd: list[OddValue] = []
    taken: dict[tuple[str, int], set[int]] = {}
    for number in range(count):
        endpoint, column = columns[number % len(columns)]
        scope = rng.choice([scope for name, scope in served if name == endpoint.name])
        rows = served[endpoint.name, scope]
        if not rows:
            continue
        index = rng.randrange(len(rows))
        kind = rng.random()
        if kind < 0.7:
            value: Any = rng.choice(ODD_VALUES[column.kind])
        elif kind < 0.8:
            value = None
        elif kind < 0.9:
            value = rng.choice(_WRONG)
        else:  # the value of another row: plausible but contradictory
            value = rng.choice(rows).get(column.name)
        used = taken.setdefault((endpoint.name, scope), set())
        is_spent = index in used or len(used) >= max(1, len(rows) // 3)
        copied = is_spent or rng.random() < 0.3
        if not copied:
            used.add(index)
        odd.append(OddValue(endpoint.name, scope, index, column.name, value, copied))
    return odd


def planted(served: Served, odd: Sequence[OddValue]) -> Served:
    """Return the rows with the odd values planted."""
    changed = dict(served)
    for one in odd:
        key = one.endpoint, one.scope
        if changed[key] is served[key]:
            changed[key] = copy.deepcopy(served[key])
        row = changed[key][one.index]
        if one.copied:
            changed[key].append(row | {one.column: one.value})
        else:
            row[one.column] = one.value
    return changed


@dataclass
class Built:
    """The result of a build: failed nodes by name, and the row counts of gold."""

    failures: dict[str, str]
    warnings: set[str]
    rows: dict[str, int]


class OddLake:
    """A lake in a folder that is used for successive builds, so that dbt parses once.

    `plain` are the rows without odd values; the pulls use their calendar.
    """

    def __init__(self, folder: Path, plain: Served) -> None:
        self.folder = folder
        self.target = folder / "target"
        self.root = folder / "lake"
        self.plain = plain
        self.sessions = self._sessions(plain)

    def build(self, served: Served) -> Built:
        """Serve the rows over HTTP, pull all of them, and build silver and gold with all tests."""
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(parents=True)
        bronze = self._ingest(served)
        environment = {
            "F1_BRONZE_URI": bronze,
            "F1_WAREHOUSE": str(self.root / "warehouse.duckdb"),
            "F1_ENV": "dev",
        }
        done = subprocess.run(
            [
                *(sys.executable, "-c", "from dbt.cli.main import cli; cli()", "build"),
                *("--project-dir", PROJECT, "--profiles-dir", PROJECT),
                *("--target-path", self.target, "--log-path", self.target / "logs"),
                *("--exclude-resource-type", "unit_test"),
            ],
            env=os.environ | environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        results = self.target / "run_results.json"
        assert results.exists(), done.stdout
        failures, warnings = {}, set[str]()
        for result in json.loads(results.read_text(encoding="utf-8"))["results"]:
            name = result["unique_id"].split(".")[2]
            if result["status"] in ("error", "fail"):
                failures[name] = str(result["message"])
            elif result["status"] == "warn":
                warnings.add(name)
        assert (done.returncode == 0) == (not failures), done.stdout
        with duckdb.connect(self.root / "warehouse.duckdb", read_only=True) as con:
            tables = con.execute(
                "select table_name from duckdb_tables() where schema_name = 'gold'"
            ).fetchall()
            rows = {t: con.execute(f'select count(*) from gold."{t}"').fetchall()[0][0] for (t,) in tables}
        return Built(failures, warnings, rows)

    def _ingest(self, served: Served) -> str:
        bodies = {key: json.dumps(rows).encode() for key, rows in served.items()}

        def answer(_method: str, target: str, *_rest: Any) -> Answer:
            url = urlsplit(target)
            asked = dict(parse_qsl(url.query))
            endpoint = BY_NAME[url.path.rsplit("/", 1)[1]]
            scope = int(asked["year" if endpoint.scope is Scope.SEASON else "session_key"])
            body = bodies.get((endpoint.name, scope), b"[]")
            if "driver_number" in asked:
                rows = served.get((endpoint.name, scope), [])
                number = int(asked["driver_number"])
                body = json.dumps([row for row in rows if row.get("driver_number") == number]).encode()
            return Answer(200, "application/json", body)

        with ExitStack() as stack:
            server = stack.enter_context(ReplayServer(self._folder_to_serve()))
            server.answer = answer  # type: ignore[method-assign,assignment]
            lake = Lake.open(
                Settings(
                    lakehouse_root=self.root,
                    openf1_url=server.url,
                    openf1_requests_per_second=0,
                    openf1_requests_per_minute=0,
                )
            )
            clock = Clock(sleep=lambda _: None)
            lake = replace(lake, clients={"openf1": connect(OPENF1, lake.settings, lake.budget, clock=clock)})
            for endpoint in ENDPOINTS:
                for scope in sorted(scope for name, scope in served if name == endpoint.name):
                    self._pull(lake, endpoint, scope)
        return lake.bronze.uri

    def _folder_to_serve(self) -> Path:
        """Return the folder that the server requires; its responses do not come from it."""
        folder = self.folder / "served" / "sessions"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "1.json").write_text("[]", encoding="utf-8")
        return folder.parent

    def _pull(self, lake: Lake, endpoint: Endpoint, scope: int) -> None:
        what = SeasonPartition(scope) if endpoint.scope is Scope.SEASON else self.sessions[scope]
        try:
            pull(lake, endpoint, what, why="first pull")
        except PullError as error:
            if not error.pull.quarantined:  # every row of a small pull may be refused
                raise

    def _sessions(self, served: Served) -> dict[int, Session]:
        found = {}
        for (endpoint, _), rows in served.items():
            for row in rows if endpoint == "sessions" else ():
                times = {name: _utc(row[name]) for name in ("date_start", "date_end")}
                one = session(row | times)
                assert one is not None
                found[one.key] = one
        return found


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def find_cause(odd: Sequence[OddValue], fails: Callable[[Sequence[OddValue]], bool]) -> list[OddValue]:
    """Return the smallest subset of the planted values for which `fails` still returns true, found by halving."""
    parts = 2
    left = list(odd)
    while len(left) >= 2:
        size = -(-len(left) // parts)
        chunks = [left[i : i + size] for i in range(0, len(left), size)]
        found = next((chunk for chunk in chunks if fails(chunk)), None)
        if found is not None:
            left, parts = found, 2
            continue
        rests = [[one for one in left if one not in chunk] for chunk in chunks] if parts > 2 else []
        found = next((rest for rest in rests if fails(rest)), None)
        if found is not None:
            left, parts = found, max(parts - 1, 2)
        elif parts >= len(left):
            break
        else:
            parts = min(2 * parts, len(left))
    return left
