"""`f1 replay` and `f1 generate`: the embedded servers of OpenF1 and Jolpica, and the generator of their data.

Does not belong here: the server and the generator (the package simulator).
"""

import argparse
import contextlib
from pathlib import Path

from f1_lakehouse.cli.command import Command, port, share, year


def _add_replay_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--port", type=port, default=8000, metavar="N")
    parser.add_argument("--host", default="127.0.0.1", metavar="H")
    parser.add_argument(
        "--max-rows",
        type=int,
        default=0,
        metavar="N",
        help="respond with 422 above this number of rows; 0: never",
    )
    parser.add_argument(
        "--rps", type=int, default=0, metavar="N", help="allowed requests per second; 0: unlimited"
    )
    parser.add_argument(
        "--rpm", type=int, default=0, metavar="N", help="allowed requests per minute; 0: unlimited"
    )
    parser.add_argument(
        "--fail-rate", type=share, default=0.0, metavar="P", help="share of responses that fail, 0 to 1"
    )
    parser.add_argument("--live", action="store_true", help="respond with 401, as during a live session")


def _add_generate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--season", type=year, required=True, metavar="YEAR")
    parser.add_argument("--meetings", type=int, required=True, metavar="N")
    parser.add_argument("--telemetry", action="store_true", help="include car_data and location at full rate")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="the same seed generates the same bytes"
    )


def _replay(given: argparse.Namespace) -> int:
    from f1_lakehouse.simulator.circuits import CircuitServer
    from f1_lakehouse.simulator.ergast import History
    from f1_lakehouse.simulator.gateway import Gateway
    from f1_lakehouse.simulator.jolpica import JolpicaApi, JolpicaServer
    from f1_lakehouse.simulator.server import ReplayServer

    gateway = Gateway(rps=given.rps, rpm=given.rpm, fail_rate=given.fail_rate, live=given.live)
    server = ReplayServer(given.folder, gateway, port=given.port, host=given.host, max_rows=given.max_rows)
    with server, contextlib.ExitStack() as others:
        variables = f"F1_OPENF1_URL={server.url} "
        if (given.folder / "jolpica").is_dir():
            api = JolpicaApi(History(given.folder / "jolpica"))
            variables += f"F1_JOLPICA_URL={others.enter_context(JolpicaServer(api, host=given.host)).url}"
        else:
            variables += "F1_SOURCES=openf1"
        if (given.folder / "multiviewer").is_dir():
            maps = others.enter_context(CircuitServer(given.folder / "multiviewer", host=given.host))
            variables += f" F1_MULTIVIEWER_URL={maps.url}"
        print(f"{given.folder} is served as {server.url}; use it with: {variables} f1 load …", flush=True)
        server.serve_forever()
    return 0


def _generate(given: argparse.Namespace) -> int:
    from f1_lakehouse.simulator.circuits import write_circuits
    from f1_lakehouse.simulator.generate import generate
    from f1_lakehouse.simulator.history import write_history

    generate(
        given.folder, season=given.season, meetings=given.meetings, telemetry=given.telemetry, seed=given.seed
    )
    write_history(given.folder / "jolpica", given.folder)
    write_circuits(given.folder / "multiviewer", given.folder)
    print(
        f"{given.folder}: {given.meetings} meetings of {given.season}; serve them with: f1 replay {given.folder}"
    )
    return 0


REPLAY = Command(
    "replay", "Serve FOLDER/<endpoint>/*.json[.gz] as an OpenF1 API", _replay, _add_replay_arguments
)
GENERATE = Command(
    "generate", "Generate a season in the layout that f1 replay serves", _generate, _add_generate_arguments
)
