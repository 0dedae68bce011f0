"""A killed load is completed by the next: no row is lost or duplicated, no landed response is requested again."""

import random
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from f1_lakehouse.storage.bronze import Bronze
from f1_lakehouse.storage.pull_log import Outcome

KILLED, BY_ALARM = -9, -14
CrashScenario = Any
Make = Callable[..., CrashScenario]


def count_crash_points(scenario: CrashScenario) -> int:
    """Return the number of crash points of a load that is not killed."""
    code, output = scenario.run()
    assert code == 0, output
    scenario.assert_exact()
    return int(output)


def assert_next_load_completes(scenario: CrashScenario) -> None:
    """Assert that the next load completes the lake and the one after it requests nothing."""
    landed = scenario.landed_urls()
    scenario.served_urls()
    code, output = scenario.run()
    assert code == 0, output
    assert not landed & set(scenario.served_urls())
    scenario.assert_exact()
    assert scenario.run()[0] == 0
    assert scenario.served_urls() == []


def evenly_spaced(count: int, kills: int) -> list[int]:
    """Return `kills` evenly spaced crash points from 1 to `count`, including the first and the last."""
    if kills >= count:
        return list(range(1, count + 1))
    return sorted({1 + round(k * (count - 1) / (kills - 1)) for k in range(kills)})


@pytest.mark.parametrize("new", [False, True], ids=["a lake", "a new lake"])
def test_load_killed_at_a_crash_point_is_completed_by_the_next(
    make_scenario: Make, kills: int, new: bool
) -> None:
    count = count_crash_points(make_scenario(new=new))
    assert count > 80
    for at in evenly_spaced(count, kills or (2 if new else 4)):
        scenario = make_scenario(new=new)
        assert scenario.run(kill_at=at)[0] == KILLED, at
        assert_next_load_completes(scenario)


def test_repeatedly_killed_load_completes(make_scenario: Make, rng: random.Random, kills: int) -> None:
    for _ in range(max(1, kills // 20)):
        scenario = make_scenario(new=True)
        seen: set[str] = set()
        for _ in range(60):
            code, output = scenario.run(kill_at=rng.randrange(10, 40))
            requested = scenario.served_urls()
            assert not seen & set(requested)
            assert len(requested) == len(set(requested))
            seen = scenario.landed_urls()
            if code == 0:
                break
            assert code == KILLED, output
        assert code == 0
        assert_next_load_completes(scenario)


def test_load_killed_at_any_time_is_completed_by_the_next(
    make_scenario: Make, rng: random.Random, kills: int
) -> None:
    died = 0
    for _ in range(kills or 2):
        scenario = make_scenario()
        died += scenario.run(kill_after=rng.uniform(0.05, 0.4))[0] == BY_ALARM
        assert_next_load_completes(scenario)
    assert died


def test_concurrent_loads_of_one_session_equal_one_load(make_scenario: Make, kills: int) -> None:
    for _ in range(max(1, kills // 10)):
        scenario = make_scenario()
        ended = scenario.run_several(processes=2)
        assert [code for code, _ in ended] == [0, 0], ended
        scenario.assert_exact()
        scenario.served_urls()
        assert scenario.run()[0] == 0
        assert scenario.served_urls() == []


def test_killed_forced_pull_leaves_the_old_or_the_new_pull_current(
    make_scenario: Make, kills: int, served_rows: dict[str, Any]
) -> None:
    scenario = make_scenario()
    assert scenario.run()[0] == 0
    path = scenario.server.store.folder / "laps" / "all.json"
    corrected = [{**row, "lap_duration": row["lap_duration"] - 0.5} for row in served_rows["laps"]]
    try:
        path.write_bytes(orjson.dumps(corrected))
        for at in evenly_spaced(24, kills or 2):
            one = make_scenario()
            assert one.run()[0] == 0  # its first pull has the corrected laps
            path.write_bytes(orjson.dumps(served_rows["laps"]))
            assert one.run("force", kill_at=at)[0] == KILLED, at
            before = Bronze(str(one.root / "bronze")).pull_log.current_pull("laps", 11)
            assert before is not None
            code, output = one.run("force")
            assert code == 0, output
            one.assert_exact(laps_twice=True)
            path.write_bytes(orjson.dumps(corrected))
    finally:
        path.write_bytes(orjson.dumps(served_rows["laps"]))


def test_killed_restore_is_completed_by_the_next(
    make_scenario: Make, kills: int, served_rows: dict[str, Any]
) -> None:
    path = make_scenario().server.store.folder / "laps" / "all.json"
    try:
        for at in range(1, 9) if kills else (4, 6):
            path.write_bytes(orjson.dumps(served_rows["laps"]))
            scenario = make_scenario()
            assert scenario.run()[0] == 0
            path.write_bytes(orjson.dumps(served_rows["laps"][1:]))
            assert scenario.run("force")[0] == 0
            assert scenario.run("restore", kill_at=at)[0] == KILLED
            pull_log = Bronze(str(scenario.root / "bronze")).pull_log
            current = pull_log.current_pull("laps", 11)
            assert current is not None
            assert (
                len([r for r in scenario.table("laps") if r["_pull_id"] == current.pull_id]) == current.rows
            )
            assert scenario.run("restore")[0] == 0
            assert len(scenario.table("laps")) == 14
            assert [p.outcome for p in Bronze(str(scenario.root / "bronze")).pull_log.of("laps", 11)][
                -1
            ] == Outcome.RESTORED
    finally:
        path.write_bytes(orjson.dumps(served_rows["laps"]))
