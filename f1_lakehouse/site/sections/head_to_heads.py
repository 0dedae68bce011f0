"""Team mates of a season against each other, as a table."""

from f1_lakehouse.site.links import Links
from f1_lakehouse.site.page import Section, Table, points, signed
from f1_lakehouse.site.queries import Gold

MIN_RACES = 3
"""Fewest common races of a pair that is listed: in the 1950s, a constructor could have twenty drivers in a season."""


def head_to_heads_section(gold: Gold, links: Links, season: int) -> Section | None:
    rows = gold.head_to_heads(season)
    if not rows:
        return _of_history(gold, links, season)
    table = Table(
        "Team mates against each other in Grands Prix; gaps are driver minus team mate, negative is faster",
        ("Constructor", "Driver", "Team mate", "Qualifying", "Median gap, s", "Race", "Median pace gap, s"),
        [
            (
                links.constructor(row["constructor_id"], row["team_name"], row["team_id"]),
                links.driver(row["driver_id"], row["name"]),
                links.driver(row["teammate_id"], row["mate_name"]),
                f"{row['qualifying_wins']} : {row['teammate_qualifying_wins']}",
                signed(row["median_qualifying_gap_s"], 3),
                f"{row['race_wins']} : {row['teammate_race_wins']}",
                signed(row["median_race_pace_gap_s"], 3),
            )
            for row in rows
        ],
        text=(0, 1, 2),
    )
    return Section("mates", "Head to head", [table])


def _of_history(gold: Gold, links: Links, season: int) -> Section | None:
    """Team mates of a season without laps: positions, and qualifying since 1994."""
    rows = gold.team_mates(season, MIN_RACES)
    if not rows:
        return None
    has_qualifying = any(row["qualifying_sessions"] for row in rows)
    cells = [
        (
            links.constructor(row["constructor_id"], row["constructor_name"]),
            links.driver(row["driver_id"], row["name"]),
            links.driver(row["teammate_id"], row["mate_name"]),
            *((f"{row['qualifying_wins']} : {row['teammate_qualifying_wins']}",) if has_qualifying else ()),
            f"{row['race_wins']} : {row['teammate_race_wins']}",
            f"{points(row['points'])} : {points(row['teammate_points'])}",
        )
        for row in rows
    ]
    columns = (
        "Constructor",
        "Driver",
        "Team mate",
        *(("Qualifying",) if has_qualifying else ()),
        "Race",
        "Points",
    )
    caption = f"Team mates against each other in Grands Prix; pairs with at least {MIN_RACES} common races"
    return Section("mates", "Head to head", [Table(caption, columns, cells, text=(0, 1, 2))])
