"""What a load tells its caller: while it works (`Listener`), and at its end (`Report`).

Does not belong here: the output, which is in cli/.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from f1_lakehouse.observability.run_log import CheckResult
from f1_lakehouse.sources.source import Work


class StageListener(Protocol):
    """The observer of a step of a load."""

    def stage(self, name: str) -> None:
        """Called when another step begins."""


class Listener(StageListener, Protocol):
    """The observer of a load."""

    def planned(self, work: Sequence[Work]) -> None:
        """Called with what will be pulled, session by session."""

    def session_started(self, one: Work) -> None:
        """Called when a session's run begins."""


@dataclass
class Report:
    """The result of a load. `asked`: sessions, `seasons`: seasons and rounds that were pulled. `unfinished`: the number of
    selected sessions that have not ended. `failures` and `warnings`: one line each. `checks`: the number of checks that were evaluated."""

    asked: list[Work] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failed_checks: list[CheckResult] = field(default_factory=list)
    checks: int = 0
    transformed: bool = False
    unfinished: int = 0
    seasons: list[Work] = field(default_factory=list)

    @property
    def is_success(self) -> bool:
        """Whether every pull was answered and gold was built."""
        return not self.failures
