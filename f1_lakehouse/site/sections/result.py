"""The results of a race, a sprint, a qualifying or a practice session, as tables."""

from collections import Counter

from f1_lakehouse.site.page import NONE, Section, Table, lap_time, points, race_time, signed, strong, text
from f1_lakehouse.site.queries import Row
from f1_lakehouse.site.view import View, section


def race_result_section(view: View) -> Section | None:
    """The classification of a race or sprint."""
    if not view.results:
        return None
    best = min((row["fastest_lap_time"] for row in view.results if row["fastest_lap_time"]), default=None)
    rows = []
    for row in view.results:
        fastest = lap_time(row["fastest_lap_time"])
        rows.append(
            (
                text(row["position"]),
                view.linked(row["driver_number"]),
                view.team(row),
                text(row["grid_position"]),
                signed(row["positions_gained"]),
                text(row["number_of_laps"]),
                _finish(row),
                strong(fastest) if best is not None and row["fastest_lap_time"] == best else fastest,
                points(row["points"]),
                text(row["status"]),
            )
        )
    columns = (
        "Position",
        "Driver",
        "Team",
        "Grid",
        "Gained",
        "Laps",
        "Time or gap, s",
        "Best lap",
        "Points",
        "Status",
    )
    return section("result", "Result", Table(view.classification, columns, rows, text=(1, 2, 9), head=1))


def _finish(row: Row) -> str:
    if row["position"] == 1 and row["duration_s"] is not None:
        return race_time(row["duration_s"])
    if row["gap_to_leader_s"] is not None:
        return signed(row["gap_to_leader_s"], 3)
    if row["laps_down"]:
        return f"+{row['laps_down']} lap{'s' if row['laps_down'] > 1 else ''}"
    return NONE


def qualifying_result_section(view: View) -> Section | None:
    """The classification of a qualifying session; the leaderboard if there is none."""
    if not view.results:
        return fastest_laps_section(view)
    columns = ("Position", "Driver", "Team", "Q1", "Q2", "Q3", "Gap, s", "Laps", "Status")
    rows = [
        (
            text(row["position"]),
            view.linked(row["driver_number"]),
            view.team(row),
            lap_time(row["q1_s"]),
            lap_time(row["q2_s"]),
            lap_time(row["q3_s"]),
            signed(row["gap_to_leader_s"], 3),
            text(row["number_of_laps"]),
            text(row["status"]),
        )
        for row in view.results
    ]
    table = Table(
        f"{view.classification}; the gap is to the best of the last phase driven. Dashed lines: cut-offs of Q1 and Q2",
        columns,
        rows,
        text=(1, 2, 8),
        head=1,
        cut_after=list(cut_positions(view).values()),
    )
    return section("result", "Result", table)


def cut_positions(view: View) -> dict[str, int]:
    """Phase → the last position that reached the next phase.

    By the rules, ten drivers reach Q3 and equal numbers are eliminated in Q1 and Q2. The times do not decide it: a driver who reached
    a phase may have set no time in it. A phase in which no driver set a time was not held.
    """
    cars, found = len(view.results), {}
    for phase, following, position in (("Q1", "q2_s", cars - (cars - 10) // 2), ("Q2", "q3_s", 10)):
        if cars > position and any(row[following] is not None for row in view.results):
            found[phase] = position
    return found


def fastest_laps_section(view: View) -> Section | None:
    """Drivers by fastest valid lap; the classification if no lap is known."""
    if not view.leaderboard:
        return _plain_result(view)
    laps = Counter(row["driver_number"] for row in view.laps)
    rows = [
        (
            text(row["position"]),
            view.linked(row["driver_number"]),
            view.team(row),
            lap_time(row["fastest_lap_time"]),
            signed(row["delta_to_fastest"], 3),
            text(row["fastest_lap_number"]),
            text(row["fastest_lap_compound"]),
            laps[row["driver_number"]],
        )
        for row in view.leaderboard
    ]
    columns = ("Position", "Driver", "Team", "Fastest lap", "Gap, s", "On lap", "Tyres", "Laps")
    return section(
        "result", "Fastest laps", Table("Drivers by fastest valid lap", columns, rows, text=(1, 2, 6), head=1)
    )


def _plain_result(view: View) -> Section | None:
    if not view.results:
        return None
    rows = [
        (
            text(row["position"]),
            view.linked(row["driver_number"]),
            view.team(row),
            lap_time(row["duration_s"]),
            signed(row["gap_to_leader_s"], 3),
            text(row["number_of_laps"]),
        )
        for row in view.results
    ]
    columns = ("Position", "Driver", "Team", "Best lap", "Gap, s", "Laps")
    return section("result", "Result", Table(view.classification, columns, rows, text=(1, 2), head=1))
