"""All embedded sources of generated OpenF1 responses: their servers, and the variables that make `f1` use them without rate limits.

Does not belong here: what is generated (generate.py, history.py, circuits.py) and what is loaded (cli/demo.py, docs/generated_lake.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from f1_lakehouse.simulator.circuits import CircuitServer, write_circuits
from f1_lakehouse.simulator.ergast import History
from f1_lakehouse.simulator.history import write_history
from f1_lakehouse.simulator.jolpica import JolpicaApi, JolpicaServer
from f1_lakehouse.simulator.server import ReplayServer


@contextmanager
def embedded_sources(openf1: Path, folder: Path) -> Iterator[dict[str, str]]:
    """Serve the responses in `openf1`, and their counterparts of Jolpica and MultiViewer, which are written to `folder`.

    They are written each time: it takes milliseconds, and a folder of an older version may have none. Yields the environment variables
    of a command that requests only these sources.
    """
    history = History(write_history(folder / "jolpica", openf1))
    maps = write_circuits(folder / "multiviewer", openf1)
    with (
        ReplayServer(openf1) as server,
        JolpicaServer(JolpicaApi(history)) as jolpica,
        CircuitServer(maps) as circuits,
    ):
        yield {
            "F1_SOURCES": "openf1 jolpica multiviewer",
            "F1_OPENF1_URL": server.url,
            "F1_OPENF1_REQUESTS_PER_SECOND": "0",
            "F1_OPENF1_REQUESTS_PER_MINUTE": "0",
            "F1_JOLPICA_URL": jolpica.url,
            "F1_JOLPICA_REQUESTS_PER_SECOND": "0",
            "F1_JOLPICA_REQUESTS_PER_HOUR": "0",
            "F1_MULTIVIEWER_URL": circuits.url,
            "F1_MULTIVIEWER_REQUESTS_PER_SECOND": "0",
            "F1_MULTIVIEWER_REQUESTS_PER_HOUR": "0",
        }
