"""Maps of circuits as MultiViewer serves them, for the generated seasons: the corners of the track of `telemetry`.

Belongs here: writing the objects, as `FOLDER/<circuit_key>/<season>.json`, and serving such a folder. Does not belong here: the shape
of a track (telemetry).
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import orjson

from f1_lakehouse.simulator.keys import generated
from f1_lakehouse.simulator.listener import Answer, Listener
from f1_lakehouse.simulator.telemetry import STEPS, Track, track
from f1_lakehouse.simulator.world import CIRCUITS, SEASONS, Circuit

PREFIX = "/api/v1"
SLOWEST_WITHIN = STEPS // 40
"""A corner is where no car is slower within this number of steps before and after."""

_ROUTE = re.compile(rf"{PREFIX}/circuits/(\d+)/(\d{{4}})", re.ASCII)


def write_circuits(folder: Path | str, openf1: Path | str) -> Path:
    """Write the circuits of the seasons generated in `openf1`; returns the folder, for `CircuitServer`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    by_key = {circuit.key: circuit for circuit in CIRCUITS.values()}
    for season in SEASONS:
        # Recorded seasons have no counterpart: their tracks are not generated.
        if generated([row["session_key"] for row in _read(Path(openf1) / "sessions" / f"{season}.json")]):
            for row in _read(Path(openf1) / "meetings" / f"{season}.json"):
                path = folder / str(row["circuit_key"]) / f"{season}.json"
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(orjson.dumps(circuit_object(by_key[row["circuit_key"]], season)))
    return folder


def _read(path: Path) -> list[dict[str, Any]]:
    return list(orjson.loads(path.read_bytes())) if path.exists() else []


def circuit_object(circuit: Circuit, season: int) -> dict[str, Any]:
    """The map of a circuit: its outline, 1/10 m, and its corners in the order of a lap."""
    lap = track(circuit)
    return {
        "corners": [_corner(lap, step, number) for number, step in enumerate(corner_steps(lap), start=1)],
        "marshalLights": [],
        "marshalSectors": [],
        "circuitKey": circuit.key,
        "circuitName": circuit.short_name,
        "countryKey": circuit.country_key,
        "countryName": circuit.country_name,
        "location": circuit.location,
        "rotation": float(circuit.key * 37 % 360),
        "x": list(lap.x),
        "y": list(lap.y),
        "year": season,
    }


def corner_steps(lap: Track) -> Iterator[int]:
    """The steps of a lap at which a car is slowest."""
    for step in range(STEPS):
        around = [lap.speed[(step + i) % STEPS] for i in range(-SLOWEST_WITHIN, SLOWEST_WITHIN + 1)]
        # Of several steps at the same speed the first one.
        if lap.speed[step] == min(around) and lap.speed[step - 1] > lap.speed[step]:
            yield step


def _corner(lap: Track, step: int, number: int) -> dict[str, Any]:
    steps = range(1, step + 1)
    length = sum(math.dist((lap.x[i], lap.y[i]), (lap.x[i - 1], lap.y[i - 1])) for i in steps)
    return {
        "angle": round(math.degrees(math.atan2(lap.y[step], lap.x[step])), 1),  # away from the middle
        "length": round(length, 1),
        "number": number,
        "trackPosition": {"x": float(lap.x[step]), "y": float(lap.y[step])},
    }


class CircuitServer:
    """Serves a folder of `write_circuits` on this machine, from a thread, inside a `with` block. `requests`: the paths requested."""

    def __init__(self, folder: Path | str, port: int = 0, host: str = "127.0.0.1") -> None:
        self.folder = Path(folder)
        self.requests: list[str] = []
        self._http = Listener((host, port), self._answer)
        self.url = f"http://{host}:{self._http.server_address[1]}{PREFIX}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def _answer(self, method: str, target: str, authorization: str, form: bytes) -> Answer:
        self.requests.append(target)
        route = _ROUTE.fullmatch(urlsplit(target).path)
        path = self.folder / route[1] / f"{route[2]}.json" if route else None
        if path is None or not path.is_file():
            return Answer(404, "application/json", b'{"message":"Not Found"}')
        return Answer(200, "application/json", path.read_bytes())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.drop_connections()
        self._http.server_close()
        self._thread.join()
