"""Data of the cases: one race at full rate, seasons in lakes, and a server that is faster than its clients.

Everything is generated once (the race is recorded data if F1_RECORDED_DATA names a folder) in the folder F1_BENCH_DATA, and reused.
Does not belong here: measurements.
"""

import gzip
import json
import os
import socketserver
import subprocess
import sys
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson

ROOT = Path(os.environ.get("F1_BENCH_DATA", "local_data/benchmarks")).absolute()
RECORDED = os.environ.get("F1_RECORDED_DATA")
AT_WORK = ROOT / "at-work"
"""Where variants run."""
DLT = ROOT / "dlt"
"""Where `make bench` installs dlt."""
FEEDS = ("car_data", "location")
QUICK = bool(os.environ.get("F1_BENCH_QUICK"))
ROWS = 735_000
"""The rows of one feed of a recorded race: 1.47 million of both."""


def race() -> tuple[Path, int]:
    """A folder with one race's telemetry at full rate, and the race's session key."""
    if RECORDED and (Path(RECORDED) / "openf1" / "car_data" / "9606.json.gz").exists():
        return Path(RECORDED) / "openf1", 9606
    folder = ROOT / "race-as-recorded"
    if not (folder / "done").exists():
        from f1_lakehouse.simulator.generate import generate

        generate(folder, 2024, 1, telemetry=True)
        for feed in FEEDS:
            _extend(folder / feed / "2024015.json.gz", without_date=700 if feed == "car_data" else 0)
        (folder / "done").touch()
    return folder, 2024015


def _extend(path: Path, without_date: int) -> None:
    """Make a generated feed as large as a recorded one: its first rows again, hours later. Recordings also have rows without a date."""
    rows = orjson.loads(gzip.decompress(path.read_bytes()))
    later = []
    for number, row in enumerate(rows[: max(0, ROWS - len(rows))]):
        date = row["date"]
        if date is not None:
            moved = datetime.fromisoformat(date) + timedelta(hours=5)
            date = None if number < without_date else moved.isoformat()
        later.append(row | {"date": date})
    path.write_bytes(gzip.compress(orjson.dumps([*rows, *later]), 1))


class Bodies:
    """Prepared responses by the part of the URL after `/v1/`; any other URL has no results.

    Telemetry is split by driver; every `thinned`-th row of a driver is served. `rows`: the number of rows.
    """

    def __init__(self, folder: Path, sessions: Iterable[int], thinned: int = 1) -> None:
        self.answers: dict[str, bytes] = {}
        self.rows = 0
        calendar: dict[int, dict[str, Any]] = {}
        for path in (folder / "sessions").glob("*.json"):
            for endpoint in ("meetings", "sessions"):
                self.answers[f"{endpoint}?year={path.stem}"] = (folder / endpoint / path.name).read_bytes()
            calendar |= {row["session_key"]: row for row in orjson.loads(path.read_bytes())}
        for session in sessions:
            row = calendar[session]
            self.season, self.meeting = row["year"], row["meeting_key"]
            for key in ("session_key", "meeting_key"):
                self.answers[f"sessions?{key}={row[key]}"] = orjson.dumps([row])
            for path in folder.glob(f"*/{session}.json*"):
                raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
                self._add(
                    f"{path.parent.name}?session_key={session}", raw, path.parent.name in FEEDS, thinned
                )
        found = orjson.loads(self.answers[f"drivers?session_key={session}"])
        self.drivers = sorted({row["driver_number"] for row in found})

    def _add(self, asked: str, raw: bytes, by_driver: bool, thinned: int) -> None:
        if not by_driver:
            self.answers[asked] = raw
            return
        rows = defaultdict(list)
        for row in orjson.loads(raw):
            rows[row["driver_number"]].append(row)
        for driver, mine in rows.items():
            self.answers[f"{asked}&driver_number={driver}"] = orjson.dumps(mine[::thinned])
            self.rows += len(mine[::thinned])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    bodies: Bodies
    requests = 0
    seconds = float(os.environ.get("F1_BENCH_SECONDS", "0"))
    """Seconds per response with telemetry."""

    def do_GET(self) -> None:
        type(self).requests += self.path != "/requests"
        body = self.bodies.answers.get(self.path.removeprefix("/v1/"))
        if self.path == "/requests":
            body = str(self.requests).encode()
        if self.seconds and "driver_number" in self.path:
            time.sleep(self.seconds)
        status, body = (200, body) if body is not None else (404, b'{"detail":"No results found."}')
        head = f"HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode())
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # that of HTTPServer looks up the host name


@dataclass(frozen=True)
class Served:
    """Sessions behind a server: its URL, the last session's key, meeting and season, drivers, rows of telemetry."""

    url: str
    session_key: int
    meeting_key: int
    season: int
    drivers: list[int]
    rows: int

    def requests(self) -> int:
        """Return the number of requests so far."""
        with urllib.request.urlopen(self.url.removesuffix("/v1") + "/requests") as answer:
            return int(answer.read())


def _serve(folder: str, thinned: str, *sessions: str) -> None:
    """Serve until the end of stdin; the first line of output is a `Served` as JSON."""
    keys = [int(key) for key in sessions]
    _Handler.bodies = bodies = Bodies(Path(folder), keys, int(thinned))
    server = _Server(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    served = Served(url, keys[-1], bodies.meeting, bodies.season, bodies.drivers, bodies.rows)
    print(json.dumps(asdict(served)), flush=True)
    sys.stdin.read()


@contextmanager
def serving(folder: Path, sessions: Iterable[int], thinned: int = 1) -> Iterator[Served]:
    """Serve sessions of a folder from a separate process."""
    command = [sys.executable, "-m", "benchmarks.data", str(folder), str(thinned), *map(str, sessions)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    try:
        yield Served(**json.loads(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.wait()


@contextmanager
def serving_race() -> Iterator[Served]:
    """Serve the race from a separate process; a tenth of its telemetry with F1_BENCH_QUICK."""
    folder, session = race()
    with serving(folder, [session], 10 if QUICK else 1) as served:
        yield served


if __name__ == "__main__":
    _serve(*sys.argv[1:])
