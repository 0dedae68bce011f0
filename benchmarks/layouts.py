"""The same rows of telemetry in JSON of different layouts: white space, order of keys, and a key that is not in the catalog.

`python -m benchmarks.layouts NAME` measures one layout with the code that is on the path, which may be that of an older commit: of the
lakehouse, only the parser and the endpoints are imported.
"""

import gzip
import json
import random
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson

from benchmarks.data import race
from benchmarks.references import Clock, Measured

PARSED = 20
"""How often the rows of one driver are parsed: as many as there are drivers."""


def _shuffled(rows: list[dict[str, Any]]) -> bytes:
    mixed = random.Random(1)
    return orjson.dumps([dict(mixed.sample(list(row.items()), len(row))) for row in rows])


LAYOUTS: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {
    "compact": orjson.dumps,
    "spaces": lambda rows: json.dumps(rows).encode(),
    "shuffled keys": _shuffled,
    "an unknown key": lambda rows: orjson.dumps([row | {"grip": 1.5} for row in rows]),
}


def _parser(session: int) -> Callable[[bytes], Any]:
    """Return the function that parses a response of car_data; early versions had it in other modules."""
    try:
        from f1_lakehouse.sources.openf1.endpoints import BY_NAME
        from f1_lakehouse.storage.parsing import parse
    except ModuleNotFoundError:
        endpoints = import_module("f1_lakehouse.openf1.endpoints").BY_NAME
        return partial(import_module("f1_lakehouse.lake.rows").parse, endpoints["car_data"])
    return partial(parse, BY_NAME["car_data"], scope=session)


def measure(name: str, folder: Path | None = None) -> Measured:
    """Parse one driver's car_data in a layout, as often as there are drivers."""
    origin, session = race()
    rows = orjson.loads(gzip.decompress((origin / "car_data" / f"{session}.json.gz").read_bytes()))
    body = LAYOUTS[name]([row for row in rows if row["driver_number"] == rows[0]["driver_number"]])
    del rows
    parse = _parser(session)
    parse(body)
    clock = Clock()
    parsed = [parse(body).table.num_rows for _ in range(PARSED)]
    return clock.stop(rows=sum(parsed))


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
