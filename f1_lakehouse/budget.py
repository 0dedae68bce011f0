"""What a run may spend: requests, minutes, and the disk that the lake may take. Asked before each request.

A run that would overrun stops asking; what has arrived is kept, and the same command goes on from there.
"""

import time
from collections.abc import Callable

from f1_lakehouse.settings import Settings
from f1_lakehouse.sources.openf1.errors import BudgetError

LOOK_EVERY = 10.0
"""Seconds between two measurements of the disk: a lake has thousands of files."""


class Budget:
    """The budgets of a process, which is one load or one run of the daemon; time counts from when it is made.

    `spent`: None, or what is spent and how to go on, one line. `clock`: monotonic seconds.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self.spent: str | None = None
        self._settings, self._clock = settings, clock
        self._began = clock()
        self._looked: float | None = None

    def check(self, sent: int) -> None:
        """Allow one more request after `sent` of them.

        Raises:
            BudgetError: a budget is spent.
        """
        self.spent = self.spent or self._what_is_spent(sent)
        if self.spent:
            raise BudgetError(self.spent)

    def _what_is_spent(self, sent: int) -> str | None:
        given, now = self._settings, self._clock()
        if given.budget_requests is not None and sent >= given.budget_requests:
            return _line(f"{given.budget_requests} requests a run", "REQUESTS")
        if given.budget_minutes is not None and now - self._began >= given.budget_minutes * 60:
            return _line(f"{given.budget_minutes:g} minutes a run", "MINUTES")
        if given.budget_disk_gb is not None and (self._looked is None or now - self._looked >= LOOK_EVERY):
            self._looked = now
            used = sum(path.lstat().st_size for path in given.root.rglob("*") if path.is_file())
            if used >= given.budget_disk_gb * 1e9:
                return _line(
                    f"{given.budget_disk_gb:g} GB of disk", "DISK_GB", "; make room (f1 vacuum --yes)"
                )
        return None


def _line(what: str, name: str, more: str = "") -> str:
    return f"the budget of {what} is spent (F1_BUDGET_{name}){more}; what has arrived is kept, run the same again to go on"
