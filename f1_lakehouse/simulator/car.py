"""A car in a race, and the laps behind a safety car.

Belongs here: the state that the race (`race`) writes and the timing (`timing`) reads.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from f1_lakehouse.simulator.running import Lap
from f1_lakehouse.simulator.world import Driver


@dataclass
class Car:
    """One starter. `times[n]` is when lap n was completed; lap 0 is lights out."""

    driver: Driver
    slot: int
    compound: str
    stops: list[tuple[int, str]]  # lap at whose end to stop, compound from then on
    retires_on: int | None = None
    age: int = 0
    times: list[int] = field(default_factory=lambda: [0])
    laps: list[Lap] = field(default_factory=list)
    retired_at: int | None = None
    carry: int = 0  # what of a pit stop falls into the next lap
    stint_start: int = 1
    stint_age: int = 0
    stint_number: int = 1

    @property
    def running(self) -> bool:
        return self.retired_at is None

    def at(self, lap: int) -> int:
        """When this lap was completed; the last one completed for a car that was lapped or retired."""
        return self.times[min(lap, len(self.times) - 1)]


@dataclass(frozen=True)
class Neutral:
    """Laps `first` to `last` behind a safety car, or under a virtual one."""

    first: int
    last: int
    virtual: bool
