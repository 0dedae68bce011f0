"""The longer stints of a practice session, as a chart and a table."""

from f1_lakehouse.site.page import Section, Table, lap_time, signed
from f1_lakehouse.site.sections.lap_times import long_runs_chart
from f1_lakehouse.site.view import MIN_CURVE_LAPS, View, section


def long_runs_section(view: View) -> Section | None:
    """The chart and the table of stints with at least MIN_CURVE_LAPS clean laps."""
    rows = [
        row
        for row in view.gold.stints(view.session)
        if row["median_pace_s"] is not None and row["clean_laps"] >= MIN_CURVE_LAPS
    ]
    rows.sort(key=lambda row: (row["compound"], row["median_pace_s"], row["driver_number"]))
    if not rows:
        return None
    table = Table(
        f"Stints of at least {MIN_CURVE_LAPS} clean laps, by tyres and pace",
        ("Driver", "Team", "Tyres", "Stint", "Clean laps", "Median lap", "Slower by, s per lap"),
        [
            (
                view.named(row["driver_number"]),
                row["team_name"],
                row["compound"],
                row["stint_number"],
                row["clean_laps"],
                lap_time(row["median_pace_s"]),
                signed(row["degradation_s_per_lap"], 3),
            )
            for row in rows
        ],
        text=(0, 1, 2),
    )
    return section("runs", "Longer runs", long_runs_chart(view, rows), table)
