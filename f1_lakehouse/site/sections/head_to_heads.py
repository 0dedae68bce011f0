"""Team mates of a season against each other, as a table."""

from collections.abc import Mapping

from f1_lakehouse.site.page import Section, Table, signed, swatch
from f1_lakehouse.site.queries import Gold


def head_to_heads_section(gold: Gold, season: int, colours: Mapping[str, str]) -> Section | None:
    rows = gold.head_to_heads(season)
    if not rows:
        return None
    table = Table(
        "Team mates against each other in Grands Prix; gaps are driver minus team mate, negative is faster",
        ("Team", "Driver", "Team mate", "Qualifying", "Median gap, s", "Race", "Median pace gap, s"),
        [
            (
                swatch(colours.get(row["team_id"], "unknown"), row["team_name"]),
                row["name"],
                row["mate_name"],
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
