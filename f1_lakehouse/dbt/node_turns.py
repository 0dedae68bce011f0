"""Which nodes of a build run at the same time, and when DuckDB releases memory between them.

Half of the time of a node is dbt's Python and half is in DuckDB, so two nodes at a time take two thirds of the time of one after the other.
But DuckDB's limits of memory and threads hold for all queries: a model that changes them (dbt_f1/macros/limit_memory.sql) runs alone, and
memory is released while no node runs. Does not belong here: how it is released (warehouse.py), and what each cursor has
(duckdb_plugin.py).

Non-public API: `call_runner` of dbt-core runs a node in a thread. With a version that was not tested, and in a dbt that was not started by
command.py, nodes run one after the other, and the plugin releases memory before each.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from threading import Condition
from time import perf_counter
from typing import Any

import duckdb

from f1_lakehouse.dbt.project import THREADS
from f1_lakehouse.dbt.replacing import if_tested, replace
from f1_lakehouse.dbt.warehouse import Limits, holds_much, release_memory
from f1_lakehouse.storage.memory import release_freed

SWITCH_INTERVAL_S = 0.0002
"""How long a thread may run Python while one whose query has ended waits. Python's default, 5 ms, is as long as a query."""
RELEASE_AFTER_S = 0.5
"""A node that took longer has read or made much, and freed memory is returned after it."""
ALONE = "runs_alone"
"""The `meta` of a model that changes DuckDB's limits: dbt_f1/dbt_project.yml."""


class Turns:
    """The nodes that run: several at the same time, or one alone.

    `are_taken`: whether the nodes of this process run within `turn`.
    """

    def __init__(self) -> None:
        self.are_taken = False
        self._changed = Condition()
        self._running = 0
        self._is_reserved = False
        self._con: Any = None
        self._limits: Limits | None = None

    def opened(self, con: Any) -> None:
        """Take the connection of the process; its limits are those between nodes."""
        self._con = con
        self._limits = None

    @contextmanager
    def turn(self, *, alone: bool) -> Iterator[None]:
        """Run the node of the block as soon as it may run; no other one during it if `alone`, and DuckDB's limits are as before after it."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_reserved)
            if alone or self._holds_much():
                self._is_reserved = True
                self._changed.wait_for(lambda: not self._running)
                self._release()
                self._is_reserved = alone
                self._changed.notify_all()
            self._running += 1
        started = perf_counter()
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                if alone:
                    self._release()
                    self._is_reserved = False
                if perf_counter() - started > RELEASE_AFTER_S:
                    release_freed()
                self._changed.notify_all()

    def _holds_much(self) -> bool:
        return self._con is not None and holds_much(self._con.cursor())

    def _release(self) -> None:
        # An error here would be lost in the thread, and dbt would wait for its node.
        with suppress(duckdb.Error):
            if self._con is not None:
                self._limits = release_memory(self._con.cursor(), self._limits)


@cache
def turns() -> Turns:
    """Return the turns of this process."""
    return Turns()


@if_tested("dbt-core")
def run_nodes_in_turns() -> int:
    """Make dbt run each node in its turn. Return how many threads it may have."""
    from dbt.task.runnable import GraphRunnableTask

    call_runner = GraphRunnableTask.call_runner

    def call_in_turn(self: GraphRunnableTask, runner: Any) -> Any:
        with turns().turn(alone=bool(runner.node.config.meta.get(ALONE))):
            return call_runner(self, runner)

    replace(GraphRunnableTask, "call_runner", call_in_turn)
    turns().are_taken = True
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    return THREADS
