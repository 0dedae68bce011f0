"""The peak memory of a command as a user has it: of all its processes together, and of the largest one.

Does not belong here: time and CPU seconds (cases.py), and memory within a process (references.py).
"""

import contextlib
import itertools
import threading
from dataclasses import dataclass
from types import TracebackType

import psutil

INTERVAL_S = 0.02


@dataclass
class Peak:
    """MiB. `together`: the greatest sum of the resident memory of all processes, in which a library that two of them have loaded counts
    twice. `shared_once`: the same with each shared page divided by the number of its processes (PSS), zero where there is none.
    `largest`: the greatest resident memory of one process."""

    together: float = 0.0
    shared_once: float = 0.0
    largest: float = 0.0


class ProcessTree:
    """Samples a process and its descendants from another thread, within a `with` block. `peak` is complete when the block has ended."""

    def __init__(self, pid: int) -> None:
        self.peak = Peak()
        self._process = psutil.Process(pid)
        self._is_done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "ProcessTree":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> None:
        self._is_done.set()
        self._thread.join()

    def _sample(self) -> None:
        for number in itertools.count():
            found = self.now(shared_once=number % 25 == 0)  # PSS takes milliseconds per process
            self.peak.together = max(self.peak.together, found.together)
            self.peak.shared_once = max(self.peak.shared_once, found.shared_once)
            self.peak.largest = max(self.peak.largest, found.largest)
            if self._is_done.wait(INTERVAL_S):
                return

    def now(self, *, shared_once: bool = True) -> Peak:
        """Return the memory of this moment."""
        found = Peak()
        with contextlib.suppress(psutil.NoSuchProcess):
            for one in [self._process, *self._process.children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    resident = one.memory_info().rss / 2**20
                    found.together += resident
                    found.largest = max(found.largest, resident)
                    if shared_once:
                        found.shared_once += getattr(one.memory_full_info(), "pss", 0) / 2**20
        return found
