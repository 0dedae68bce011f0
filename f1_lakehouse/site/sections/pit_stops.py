"""The visits to the pit lane, as a table."""

from f1_lakehouse.site.charts import letter
from f1_lakehouse.site.page import Section, Table, number, strong, text
from f1_lakehouse.site.view import View, section


def pit_stops_section(view: View) -> Section | None:
    """The table of visits to the pit lane."""
    stops = view.gold.pit_stops(view.session)
    if not stops:
        return None
    real = [
        row["lane_duration_s"]
        for row in stops
        if row["lane_duration_s"] is not None and not row["is_red_flag_stop"] and not row["is_pass_through"]
    ]
    best = min(real, default=None)
    rows = []
    for row in stops:
        lane = number(row["lane_duration_s"], 1)
        rows.append(
            (
                row["lap_number"],
                view.named(row["driver_number"]),
                row["stop_number"],
                strong(lane) if best is not None and row["lane_duration_s"] == best else lane,
                number(row["stop_duration_s"], 1),
                "passed through"
                if row["is_pass_through"]
                else f"{letter(row['compound_before'])} → {letter(row['compound_after'])}",
                text(row["tyre_age_laps"]),
                f"{text(row['position_before'])} → {text(row['position_after'])}",
                "Red flag" if row["is_red_flag_stop"] else text(row["track_status"]),
            )
        )
    columns = (
        "Lap",
        "Driver",
        "Stop",
        "In the lane, s",
        "Standing, s",
        "Tyres",
        "Age, laps",
        "Position",
        "Track",
    )
    return section(
        "stops", "Pit stops", Table("Visits to the pit lane", columns, rows, text=(1, 5, 7, 8), head=1)
    )
