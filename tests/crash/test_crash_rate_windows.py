"""Rate windows at the server: three processes load the same history, are killed, and resume. In real time."""

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from f1_lakehouse.simulator.ergast import History
from f1_lakehouse.simulator.jolpica import JolpicaApi, JolpicaServer

Make = Callable[..., Any]
RECORDED = os.environ.get("F1_RECORDED_DATA")


def most_in_any_window(times: list[float], length: float) -> int:
    return max(sum(0 <= other - start < length for other in times) for start in times)


def load_by_three(scenario: Any, seasons: list[int], windows: list[tuple[int, float]], expected: int) -> None:
    """Kill a load, finish it by three processes, and compare what the server saw with the windows."""
    arguments = {"seasons": seasons, "windows": windows}
    api = scenario.jolpica.api
    scenario.run("history", arguments=arguments, kill_after=random.Random(expected).uniform(1.0, 2.0))
    landed = scenario.landed_urls()
    before = len(api.requests)
    ended = scenario.run_several("history", arguments=arguments, processes=3)
    assert [code for code, _ in ended] == [0, 0, 0], ended
    assert not landed & {one.target for one in api.requests[before:]}
    # A response that was in progress when its process was killed did not land.
    assert expected <= len(api.requests) <= expected + 2
    assert len({one.target for one in api.requests}) == expected
    for requests, seconds in windows:
        assert most_in_any_window([one.at for one in api.requests], seconds) <= requests


def test_three_processes_keep_both_windows_and_repeat_nothing_after_a_kill(make_scenario: Make) -> None:
    load_by_three(make_scenario(), [1957], [(3, 0.5), (8, 2.5)], expected=11)


@pytest.mark.slow
@pytest.mark.skipif(RECORDED is None, reason="F1_RECORDED_DATA is not set")
def test_three_processes_keep_4_in_any_second_and_200_in_any_window_of_the_hour(make_scenario: Make) -> None:
    """The window of an hour is scaled to 100 s, its 200 requests are not."""
    with JolpicaServer(JolpicaApi(History(Path(str(RECORDED)) / "ergast"))) as jolpica:
        scenario = make_scenario()
        scenario.jolpica = jolpica
        load_by_three(scenario, list(range(1980, 2006)), [(4, 1.0), (200, 100.0)], expected=249)
