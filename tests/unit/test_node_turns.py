"""Which nodes of a dbt build run at the same time, and the memory and limits of DuckDB between them."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from threading import Barrier, Event
from typing import Any

import duckdb
import pytest

from f1_lakehouse.dbt import node_turns, warehouse
from f1_lakehouse.dbt.node_turns import Turns

LIMITS = "select current_setting('memory_limit'), current_setting('threads')"
SOON_S = 10.0
"""Longer than anything here takes; a test that waits so long fails."""


class Node:
    """A node that runs in a thread until `end`."""

    def __init__(self, turns: Turns, pool: ThreadPoolExecutor, *, alone: bool = False) -> None:
        self.has_started, self._may_end = Event(), Event()
        self._done: Future[None] = pool.submit(self._run, turns, alone)

    def _run(self, turns: Turns, alone: bool) -> None:
        with turns.turn(alone=alone):
            self.has_started.set()
            assert self._may_end.wait(SOON_S)

    def end(self) -> None:
        """Let the node end, and wait until it has."""
        self._may_end.set()
        self._done.result(SOON_S)


class Waiting(Turns):
    """Turns that say when a node waits."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = Event()
        wait_for = self._changed.wait_for

        def noted(predicate: Callable[[], bool]) -> bool:
            if not predicate():
                self.waits.set()
            return wait_for(predicate)

        self._changed.wait_for = noted  # type: ignore[method-assign, assignment]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


def test_nodes_run_at_the_same_time(pool: ThreadPoolExecutor) -> None:
    turns, both_run = Turns(), Barrier(2, timeout=SOON_S)

    def node() -> int:
        with turns.turn(alone=False):
            return both_run.wait()

    assert {one.result() for one in [pool.submit(node), pool.submit(node)]} == {0, 1}


def test_node_that_changes_limits_waits_for_the_others_and_later_ones_wait_for_it(
    pool: ThreadPoolExecutor,
) -> None:
    turns = Waiting()
    first = Node(turns, pool)
    assert first.has_started.wait(SOON_S)
    alone = Node(turns, pool, alone=True)
    assert turns.waits.wait(SOON_S)
    assert not alone.has_started.is_set()
    turns.waits.clear()
    later = Node(turns, pool)
    assert turns.waits.wait(SOON_S)
    assert not later.has_started.is_set()  # else a node could wait until the end of the build
    first.end()
    assert alone.has_started.wait(SOON_S)
    turns.waits.clear()
    last = Node(turns, pool)
    assert turns.waits.wait(SOON_S)
    assert not later.has_started.is_set()
    alone.end()
    for one in (later, last):
        assert one.has_started.wait(SOON_S)
        one.end()


@pytest.mark.parametrize("fails", [False, True])
def test_limits_of_a_node_end_with_it(fails: bool) -> None:
    con = duckdb.connect(config={"memory_limit": "1GiB", "threads": 3})
    turns = Turns()
    turns.opened(con)
    with pytest.raises(ValueError, match="fails") if fails else nullcontext(), turns.turn(alone=True):
        con.execute("set memory_limit = '128MiB'; set threads = 1")
        if fails:
            raise ValueError("fails")
    assert con.execute(LIMITS).fetchall() == [("1.0 GiB", 3)]


@contextmanager
def _much_is_held(monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB that holds more than may stay between two nodes, until memory is released."""
    con = duckdb.connect()
    held = [True]

    def release(cursor: Any, limits: Any = None) -> Any:
        held.clear()
        return warehouse.release_memory(cursor, limits)

    monkeypatch.setattr(node_turns, "holds_much", lambda cursor: bool(held))
    monkeypatch.setattr(node_turns, "release_memory", release)
    yield con
    assert not held


def test_memory_is_released_when_no_node_runs(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit of 64 MiB, however short, would fail a query that needs more."""
    turns = Waiting()
    first = Node(turns, pool)
    assert first.has_started.wait(SOON_S)
    with _much_is_held(monkeypatch) as con:
        turns.opened(con)
        second = Node(turns, pool)
        assert turns.waits.wait(SOON_S)
        assert not second.has_started.is_set()
        first.end()
        assert second.has_started.wait(SOON_S)
    third = Node(turns, pool)  # the second is not alone
    assert third.has_started.wait(SOON_S)
    second.end()
    third.end()


def test_memory_that_cannot_be_released_does_not_stop_the_nodes() -> None:
    con = duckdb.connect()
    turns = Turns()
    turns.opened(con)
    con.close()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(node_turns, "holds_much", lambda cursor: False)
        with turns.turn(alone=True):
            pass
    turns.opened(None)
    with turns.turn(alone=False):
        pass
