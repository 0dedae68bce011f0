"""Lakes of one, two and four generated seasons, for the cases that measure growth.

The code of the lakehouse fills bronze, pull by pull, but from files instead of HTTP and without Dagster: this takes minutes instead
of hours and gives the same tables and the same pull log. `f1 transform` then builds and publishes silver and gold. Each session is
pulled a month after its end, as in a lake that is loaded during the seasons, because tests on telemetry read the pulls of the last
week. Except for one race, only every 20th row of telemetry is kept. No lake has the last weekend of 2025, which the cases add.
"""

import gzip
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

import f1_lakehouse.ingest as pulling
from benchmarks.data import AT_WORK, FEEDS, ROOT
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.project_files import project_digest
from f1_lakehouse.settings import Settings
from f1_lakehouse.site.site import pages_version
from f1_lakehouse.sources.catalog import Endpoint, Partition, SeasonPartition
from f1_lakehouse.sources.exchange import LandedResponse, Read, Response
from f1_lakehouse.sources.openf1.endpoints import BY_NAME, SEASON_ENDPOINTS, SESSION_ENDPOINTS

THINNED = 20
SEASONS = {2025: 24, 2024: 24, 2023: 22, 2026: 18}
"""Season → meetings, in the order in which lakes grow; 2026 has the meetings that had ended when the case was written."""
A_MONTH = timedelta(days=31)
"""A session is not pulled again after this time."""
LEFT_OUT = 202524
FULL_RACE = 2025015
WINDOWS = {"SECOND": "0", "MINUTE": "0"}
"""Requests per window; 0: unlimited."""
F1 = str(Path(sys.executable).parent / "f1")


def files() -> Path:
    """The four seasons as the embedded OpenF1 serves them."""
    folder = ROOT / "seasons"
    if not (folder / "done").exists():
        from f1_lakehouse.simulator.generate import generate

        for season, meetings in SEASONS.items():
            generate(folder, season, meetings, telemetry=True, telemetry_every=THINNED)
        full = ROOT / "weekend"
        generate(full, 2025, 1, telemetry=True)
        for feed in FEEDS:
            shutil.copy(full / feed / f"{FULL_RACE}.json.gz", folder / feed)
        (folder / "done").touch()
    return folder


def lake(seasons: int) -> Path:
    """The root of a lake of that many seasons (1, 2 or 4), built and published. Cases use copies of it.

    One whose making was interrupted is made again; one that other code has built is built again, and so are its pages:
    a load would do that on the way.
    """
    root = ROOT / f"lake-{seasons}"
    code = f"{project_digest()} {pages_version()}"
    done = root / "done"
    if done.exists() and done.read_text() == code:
        return root
    made = at_work(seasons)
    shutil.rmtree(made, ignore_errors=True)
    before = {2: 1, 4: 2}.get(seasons, 0)
    if done.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        root.rename(made)
    else:
        shutil.rmtree(root, ignore_errors=True)
        if before:
            shutil.copytree(lake(before), made)
        for season in list(SEASONS)[before:seasons]:
            _fill(made, season)
    (made / "done").unlink(missing_ok=True)
    subprocess.run([F1, "transform"], env=environment(made), check=True, stdout=subprocess.DEVNULL)
    (made / "done").write_text(code)
    made.rename(root)
    return root


def at_work(seasons: int) -> Path:
    """The folder in which a lake is built and its copies are used: dbt parses the project again (7 s) if a lake has moved."""
    return AT_WORK / f"lake-{seasons}"


def environment(root: Path, url: str = "http://127.0.0.1:9/v1") -> dict[str, str]:
    """The environment for a command on that lake."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("F1_", "DAGSTER_"))}
    return {
        **kept,
        "F1_LAKEHOUSE_ROOT": str(root),
        "F1_OPENF1_URL": url,
        **{f"F1_OPENF1_REQUESTS_PER_{window}": most for window, most in WINDOWS.items()},
    }


class _Files:
    """The client of a source, with responses from the generated files."""

    retries = 0

    @property
    def http(self) -> "_Files":
        return self

    def responses(
        self,
        endpoint: Endpoint,
        partition: Partition,
        *,
        landed: Sequence[LandedResponse] = (),
        drivers: Sequence[int] = (),
        read: Read,
    ) -> Iterator[Response]:
        key = partition.key
        url = f"file:///{endpoint.name}?key={key}"
        found = list((files() / endpoint.name).glob(f"{key}.json*"))
        if not found:
            yield _answer(url, b'{"detail":"No results found."}', None, 404)
            return
        body = gzip.decompress(found[0].read_bytes()) if found[0].suffix == ".gz" else found[0].read_bytes()
        if not endpoint.by_driver:
            yield _answer(url, body, read(body))
            return
        by_driver = defaultdict(list)
        for row in orjson.loads(body):
            by_driver[row["driver_number"]].append(row)
        for driver, rows in by_driver.items():
            part = orjson.dumps(rows)
            yield _answer(f"{url}&driver_number={driver}", part, read(part))


def _answer(url: str, body: bytes, content: Any, status: int = 200) -> Response:
    return Response(url, status, datetime.now(UTC), body, 0.0, 0.0, 1, content)


def _set_clock(now: datetime) -> None:
    pulling._now = lambda: now


def _fill(root: Path, season: int) -> None:
    made = Lake.open(Settings(lakehouse_root=root))
    filler = replace(made, clients={"openf1": _Files()})  # type: ignore[dict-item]
    os.fsync = lambda _: None  # type: ignore[assignment]  # a lost lake is generated again
    _set_clock(datetime.now(UTC))
    for endpoint in SEASON_ENDPOINTS:
        pulling.pull(filler, endpoint, SeasonPartition(season), why="benchmark")
    driven = {int(path.stem) for path in (files() / "laps").glob(f"{season}*.json")}
    for session in filler.calendar([season]):
        if session.key not in driven or session.meeting_key == LEFT_OUT:
            continue
        _set_clock(min(session.end + A_MONTH, datetime.now(UTC)))
        for endpoint in [BY_NAME["drivers"], *(e for e in SESSION_ENDPOINTS if e.name != "drivers")]:
            if session.has(endpoint) and not filler.bronze.pull_log.last_answer(endpoint.name, session.key):
                pulling.pull(filler, endpoint, session, why="benchmark")
        print(f"{root.name}: {session.partition}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    lake(int(sys.argv[1]))
