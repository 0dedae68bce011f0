"""The profile of a driver: five scores from the laps of dry races, each with what it is worth.

Belongs here: the section. Does not belong here: how a score is computed and judged (int_driver_scores in dbt).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from f1_lakehouse.counts import counted
from f1_lakehouse.site.history import History
from f1_lakehouse.site.links import Links
from f1_lakehouse.site.page import NONE, Section, Table, number, signed, text, years
from f1_lakehouse.site.queries import Row


@dataclass(frozen=True)
class Score:
    """How a score of driver_profiles is written. `column`: the prefix of its columns; `counted`: what its observations are."""

    column: str
    title: str
    counted: str
    digits: int
    factor: float = 1.0


SCORES = (
    Score("pass_conversion", "Pass conversion, %: laps begun less than 1 s behind a car and ended ahead of it", "laps", 1, 100),
    Score("first_lap_gain", "Positions gained on lap 1, against drivers in the same grid positions", "races", 2),
    Score("consistency", "Scatter of clean laps in clear air, s; lower is steadier", "laps", 3),
    Score("tyre_management", "Growth of the lap time in a stint, s per lap, against race and compound; lower is gentler", "stints", 3),
    Score("pressure_response", "Change of the lap time with a car less than 1 s behind, s; lower is better", "laps", 3),
)  # fmt: skip

TOLD_APART = "tells drivers apart"
NOT_TOLD_APART = "cannot be told apart"
MEANING = (
    "Reliability is the correlation between the scores of the same drivers from two halves of the races. Below 0.4 the scores of drivers "
    "cannot be told apart: the order of the drivers is mainly chance. An estimate contains the car; the comparison with team mates does not. "
    "The shrunk estimate is moved towards the mean of all drivers, by its error."
)


def profile_section(history: History, links: Links, driver: str) -> Section | None:
    """The scores of a driver over all seasons and by season, comparisons with team mates first; none without laps of dry races."""
    career = history.career_profile(driver)
    if career is None:
        return None
    seasons = years(career["first_season"], career["last_season"])
    mates = Table(
        f"Against team mates in the same car, {seasons}: driver less team mate",
        ("Score", "Difference", "95 % interval", "Verdict"),
        [(score.title, *_against_mates(career, score), _differs(career, score)) for score in SCORES],
        text=(0, 2, 3),
        wrap=True,
    )
    scores = Table(
        f"Scores, {seasons}: {counted(career['races'], 'race')} with laps",
        ("Score", *_HEADINGS),
        [(score.title, *_estimate(career, score)) for score in SCORES],
        text=(0, 3, 4, 6),
        wrap=True,
    )
    by_season = Table(
        "The same by season, newest first",
        ("Season", "Score", "Against team mates", "95 % interval", *_HEADINGS),
        _season_rows(links, history.profiles(driver)),
        text=(0, 1, 3, 6, 7, 9),
        head=1,
        is_folded=True,
    )
    return Section("profile", "Profile", [mates, MEANING, scores, by_season])


_HEADINGS = ("Estimate", "Shrunk", "Its 95 % interval", "From", "Reliability", "Verdict")


def _season_rows(links: Links, profiles: Sequence[Row]) -> list[tuple[object, ...]]:
    return [
        (
            links.season(row["season"]),
            score.title.partition(",")[0],
            *_against_mates(row, score),
            *_estimate(row, score),
        )
        for row in profiles
        for score in SCORES
    ]


def _against_mates(row: Row, score: Score) -> tuple[str, str]:
    """Difference and interval; none without an interval."""
    name = f"{score.column}_vs_team_mate"
    interval = _interval(score, row[f"{name}_low"], row[f"{name}_high"])
    shown = NONE if interval == NONE else signed(row[name] * score.factor, score.digits)
    return shown, interval


def _differs(row: Row, score: Score) -> str:
    """Whether zero lies outside the interval of the difference from the team mates."""
    low, high = (row[f"{score.column}_vs_team_mate_{end}"] for end in ("low", "high"))
    if low is None or high is None:
        return "nothing to compare with"
    return "differs" if low > 0 or high < 0 else NOT_TOLD_APART


def _estimate(row: Row, score: Score) -> tuple[str, ...]:
    """The cells of _HEADINGS; no estimate without an interval."""
    name = score.column
    interval = _interval(score, row[f"{name}_low"], row[f"{name}_high"])
    observations = f"{row[f'{name}_n']:,} {score.counted}" if row[f"{name}_n"] else NONE
    if interval == NONE:
        return (
            NONE,
            NONE,
            NONE,
            observations,
            NONE,
            "too few drivers to compare" if row[f"{name}_n"] else NONE,
        )
    estimate, shrunk = (
        number(row[f"{name}_{one}"] * score.factor, score.digits) for one in ("estimate", "shrunk")
    )
    verdict = TOLD_APART if row[f"{name}_can_be_told_apart"] else NOT_TOLD_APART
    return estimate, shrunk, interval, observations, number(row[f"{name}_reliability"], 2), verdict


def _interval(score: Score, low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return NONE
    return " to ".join(text(number(end * score.factor, score.digits)) for end in (low, high))
