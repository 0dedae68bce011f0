"""The comparison of any two laps of a session: what the reader chooses from, and the files with the samples next to the page.

Belongs here: the format of these files, which assets/compare.js reads. Does not belong here: the charts of the fastest laps, which need
no file (telemetry.py).

There is one file per driver, so that a reader loads two of them and not the telemetry of all drivers. It is a script and not JSON,
because a page that is opened from disk may load nothing else. A sample takes about five bytes: times, distances and speeds are
differences to the sample before.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise

from f1_lakehouse.site.charts import DASHES, Json, packed
from f1_lakehouse.site.model import Session
from f1_lakehouse.site.page import Comparison, as_json
from f1_lakehouse.site.queries import Gold, Row
from f1_lakehouse.site.samples import driver_telemetry
from f1_lakehouse.site.view import View

NO_SIGNAL = -1
"""Throttle, brake or gear of a sample without a value."""

BRAKING, GEARS = 16, 15
"""A sample's gear and brake are one number: the gear, and this much more with the brakes on."""


def comparison(view: View, corners: Sequence[tuple[float, str]]) -> Comparison | None:
    """The choice of two laps; None with fewer than two laps with telemetry.

    Args:
        view: of the session.
        corners: distance along the lap, m, and label of each corner.
    """
    laps = view.telemetry_laps
    if sum(map(len, laps.values())) < 2:
        return None
    fastest = {row["driver_number"]: row["fastest_lap_number"] for row in view.leaderboard}
    drivers: list[Json] = [
        {
            "number": n,
            "label": view.styles[n].label,
            "name": view.drivers[n].name,
            "color": f"--{view.styles[n].colour}",
            "dash": DASHES[min(view.styles[n].dash, 3)],
            "file": lap_file_address(view.session, n).split("/", 1)[1],
            "fastest": fastest.get(n),
        }
        for n in view.order
        if laps.get(n)
    ]
    return Comparison(
        name="compare",
        title="Compare any two laps: speed, gap, throttle, brake and gear",
        content={"drivers": drivers, "corners": [[round(distance), label] for distance, label in corners]},
    )


def lap_files(view: View) -> Mapping[str, Callable[[], bytes]]:
    """Address in the site → the content of the file with the laps of a driver."""
    session = view.session
    return {
        lap_file_address(session, n): partial(lap_file, view.gold, session, n, laps)
        for n, laps in view.telemetry_laps.items()
        if laps and n in view.styles
    }


def lap_file_address(session: Session, driver: int) -> str:
    """The address in the site of the file with the laps of a driver."""
    return f"{session.page.removesuffix('.html')}/{driver}.js"


def lap_file(gold: Gold, session: Session, driver: int, laps: Sequence[Row]) -> bytes:
    """The script with the samples of the laps of a driver."""
    known = {row["lap_number"]: row for row in laps}
    content = [
        packed_lap(known[row["lap_number"]], row)
        for row in driver_telemetry(gold, session, driver)
        if row["lap_number"] in known
    ]
    return f"(window.f1Laps??={{}})[{driver}]={as_json(content)}".encode()


def packed_lap(lap: Row, samples: Row) -> Json:
    """A lap in a file.

    Args:
        lap: number, time in seconds and compound, of fact_laps.
        samples: lists with the values of the samples in the order of time: elapsed time in 1/100 s, distance in m, speed in km/h,
            throttle in %, brake and gear.
    """
    pedals = [
        NO_SIGNAL if gear is None or not 0 <= gear <= GEARS else gear + (BRAKING if brake else 0)
        for gear, brake in zip(samples["n_gear"], samples["brake"], strict=True)
    ]
    return {
        "lap": lap["lap_number"],
        "time": lap["lap_duration"],
        "tyres": (lap["compound"] or "").lower(),
        "t": packed(differences(samples["elapsed"])),
        "d": packed(differences(samples["distance"])),
        "start": samples["speed"][0],
        "v": packed([0, *differences(samples["speed"])[1:]]),
        "throttle": packed([NO_SIGNAL if one is None or one > 100 else one for one in samples["throttle"]]),
        "pedals": packed(pedals),
    }


def differences(values: Sequence[int]) -> list[int]:
    """The first value, then the difference of each value to the one before."""
    return [*values[:1], *(after - before for before, after in pairwise(values))]
