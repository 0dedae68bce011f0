"""A load that is killed anywhere is completed by the next: no row lost, none doubled, no landed answer asked again."""

import random
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from f1_lakehouse.storage.bronze import Bronze
from f1_lakehouse.storage.pull_log import Outcome

KILLED, BY_ALARM = -9, -14
Scene = Any
Make = Callable[..., Scene]


def boundaries(made: Scene) -> int:
    """How many boundaries a load has that nobody kills."""
    code, said = made.run()
    assert code == 0, said
    made.is_exact()
    return int(said)


def completes(made: Scene) -> None:
    """The next load, and the one after it."""
    landed = made.landed()
    made.asked()
    code, said = made.run()
    assert code == 0, said
    assert not landed & set(made.asked())
    made.is_exact()
    assert made.run()[0] == 0
    assert made.asked() == []


def spread(count: int, kills: int) -> list[int]:
    """So many boundaries out of 1 to `count`, evenly, the first and the last among them."""
    if kills >= count:
        return list(range(1, count + 1))
    return sorted({1 + round(k * (count - 1) / (kills - 1)) for k in range(kills)})


@pytest.mark.parametrize("new", [False, True], ids=["a lake", "a new lake"])
def test_load_killed_at_a_crash_point_is_completed_by_the_next(scene: Make, kills: int, new: bool) -> None:
    count = boundaries(scene(new=new))
    assert count > 80
    for at in spread(count, kills or (3 if new else 6)):
        made = scene(new=new)
        assert made.run(kill_at=at)[0] == KILLED, at
        completes(made)


def test_repeatedly_killed_load_completes(scene: Make, chance: random.Random, kills: int) -> None:
    for _ in range(max(1, kills // 20)):
        made = scene(new=True)
        seen: set[str] = set()
        for _ in range(60):
            code, said = made.run(kill_at=chance.randrange(10, 40))
            asked = made.asked()
            assert not seen & set(asked)
            assert len(asked) == len(set(asked))
            seen = made.landed()
            if code == 0:
                break
            assert code == KILLED, said
        assert code == 0
        completes(made)


def test_load_killed_at_any_time_is_completed_by_the_next(
    scene: Make, chance: random.Random, kills: int
) -> None:
    died = 0
    for _ in range(kills or 2):
        made = scene()
        died += made.run(kill_after=chance.uniform(0.05, 0.4))[0] == BY_ALARM
        completes(made)
    assert died


def test_concurrent_loads_of_one_session_equal_one_load(scene: Make, kills: int) -> None:
    for _ in range(max(1, kills // 10)):
        made = scene()
        ended = made.mortal.run(made.root, "load", url=made.server.url, at_once=2)
        assert [code for code, _ in ended] == [0, 0], ended
        made.is_exact()
        made.asked()
        assert made.run()[0] == 0
        assert made.asked() == []


def test_killed_forced_pull_leaves_the_old_or_the_new_pull_current(
    scene: Make, kills: int, served_rows: dict[str, Any]
) -> None:
    made = scene()
    assert made.run()[0] == 0
    path = made.server.store.folder / "laps" / "all.json"
    corrected = [{**row, "lap_duration": row["lap_duration"] - 0.5} for row in served_rows["laps"]]
    try:
        path.write_bytes(orjson.dumps(corrected))
        for at in spread(24, kills or 2):
            one = scene()
            assert one.run()[0] == 0  # the corrected laps are its first truth
            path.write_bytes(orjson.dumps(served_rows["laps"]))
            assert one.run("force", kill_at=at)[0] == KILLED, at
            before = Bronze(str(one.root / "bronze")).ledger.truth("laps", 11)
            assert before is not None
            code, said = one.run("force")
            assert code == 0, said
            one.is_exact(laps_twice=True)
            path.write_bytes(orjson.dumps(corrected))
    finally:
        path.write_bytes(orjson.dumps(served_rows["laps"]))


def test_killed_restore_is_completed_by_the_next(
    scene: Make, kills: int, served_rows: dict[str, Any]
) -> None:
    path = scene().server.store.folder / "laps" / "all.json"
    try:
        for at in range(1, 9) if kills else (4, 6):
            path.write_bytes(orjson.dumps(served_rows["laps"]))
            made = scene()
            assert made.run()[0] == 0
            path.write_bytes(orjson.dumps(served_rows["laps"][1:]))
            assert made.run("force")[0] == 0
            assert made.run("set_back", kill_at=at)[0] == KILLED
            ledger = Bronze(str(made.root / "bronze")).ledger
            truth = ledger.truth("laps", 11)
            assert truth is not None
            assert len([r for r in made.table("laps") if r["_pull_id"] == truth.pull_id]) == truth.rows
            assert made.run("set_back")[0] == 0
            assert len(made.table("laps")) == 14
            assert [p.outcome for p in Bronze(str(made.root / "bronze")).ledger.of("laps", 11)][
                -1
            ] == Outcome.RESTORED
    finally:
        path.write_bytes(orjson.dumps(served_rows["laps"]))
