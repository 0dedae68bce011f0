"""The budget of a run: requests, minutes, and disk space of the lake. Checked before each request, whatever its source.

A run whose budget is spent sends no more requests; completed requests are saved, and the same command resumes.
"""

import threading
import time
from collections.abc import Callable

from f1_lakehouse.settings import Settings
from f1_lakehouse.sources.errors import BudgetError

MEASURE_DISK_EVERY_S = 10.0
"""Time between two measurements of the disk: a lake has thousands of files."""


class Budget:
    """The budgets of a process, which is one load or one run of the daemon; time counts from its creation.

    `spent`: None, or the spent budget and how to continue, one line. `requests`: how many were allowed so far, over all
    sources. `clock`: monotonic seconds. May be shared by threads.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self.spent: str | None = None
        self.requests = 0
        self._settings, self._clock = settings, clock
        self._lock = threading.Lock()
        self._began = clock()
        self._measured: float | None = None

    def spend_request(self) -> None:
        """Allow one more request.

        Raises:
            BudgetError: a budget is spent.
        """
        with self._lock:
            self.spent = self.spent or self._what_is_spent()
            if self.spent:
                raise BudgetError(self.spent)
            self.requests += 1

    def _what_is_spent(self) -> str | None:
        limits, now = self._settings, self._clock()
        if limits.budget_requests is not None and self.requests >= limits.budget_requests:
            return _line(f"{limits.budget_requests} requests per run", "REQUESTS")
        if limits.budget_minutes is not None and now - self._began >= limits.budget_minutes * 60:
            return _line(f"{limits.budget_minutes:g} minutes per run", "MINUTES")
        if limits.budget_disk_gb is not None and (
            self._measured is None or now - self._measured >= MEASURE_DISK_EVERY_S
        ):
            self._measured = now
            used = sum(path.lstat().st_size for path in limits.root.rglob("*") if path.is_file())
            if used >= limits.budget_disk_gb * 1e9:
                return _line(
                    f"{limits.budget_disk_gb:g} GB of disk", "DISK_GB", "; make room (f1 vacuum --yes)"
                )
        return None


def _line(what: str, name: str, more: str = "") -> str:
    return f"the budget of {what} is spent (F1_BUDGET_{name}){more}; completed requests are saved, run the same command to resume"
