"""The maps of circuits that the simulator serves."""

from pathlib import Path

import orjson
import requests

from f1_lakehouse.simulator.circuits import CircuitServer, circuit_object
from f1_lakehouse.simulator.world import CIRCUITS

SAKHIR = CIRCUITS["Sakhir"]


def test_corners_lie_on_the_track_in_the_order_of_a_lap() -> None:
    found = circuit_object(SAKHIR, 2025)
    track = set(zip(found["x"], found["y"], strict=True))
    corners = found["corners"]
    assert [one["number"] for one in corners] == list(range(1, len(corners) + 1))
    assert {(one["trackPosition"]["x"], one["trackPosition"]["y"]) for one in corners} <= track
    lengths = [one["length"] for one in corners]
    assert lengths == sorted(lengths)
    assert 8 <= len(corners) <= 20
    assert lengths[-1] < SAKHIR.km * 10_000


def test_only_circuits_of_the_folder_are_served(tmp_path: Path) -> None:
    (tmp_path / "63").mkdir()
    (tmp_path / "63" / "2025.json").write_bytes(orjson.dumps({"circuitKey": 63}))
    with CircuitServer(tmp_path) as server, requests.Session() as session:
        session.trust_env = False
        answers = [
            session.get(f"{server.url}/circuits/{path}") for path in ("63/2025", "63/2024", "../63/2025")
        ]
    assert [answer.status_code for answer in answers] == [200, 404, 404]
    assert answers[0].json() == {"circuitKey": 63}
