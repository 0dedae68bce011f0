"""What the source changed in a session after the first pull, as tables."""

from f1_lakehouse.site.page import Section, Table, points, text
from f1_lakehouse.site.view import View, section


def corrections_section(view: View) -> Section | None:
    """The tables of corrections; a sentence if there is none."""
    if not view.results:
        return None
    revisions = view.gold.corrections(view.session)
    changes = view.gold.calendar_changes(view.session)
    parts: list[Table | str] = []
    if revisions:
        parts.append(
            Table(
                "Changes of the source in the result since the first pull",
                ("Seen (UTC)", "Driver", "Change", "What", "Position", "Status", "Points"),
                [
                    (
                        f"{row['revised_at']:%Y-%m-%d %H:%M}",
                        view.named(row["driver_number"]),
                        row["change"],
                        text(row["changed_columns"]),
                        _from_to(text(row["previous_position"]), text(row["position"])),
                        _from_to(text(row["previous_status"]), text(row["status"])),
                        _from_to(points(row["previous_points"]), points(row["points"])),
                    )
                    for row in revisions
                ],
                text=(0, 1, 2, 3, 5),
                head=1,
            )
        )
    if changes:
        parts.append(
            Table(
                "Changes of the source in its description of the session",
                ("Seen (UTC)", "What", "Before", "Since"),
                [
                    (
                        f"{row['changed_at']:%Y-%m-%d %H:%M}",
                        row["attribute"],
                        text(row["previous_value"]),
                        text(row["value"]),
                    )
                    for row in changes
                ],
                text=(0, 1, 2, 3),
                head=1,
            )
        )
    return section("corrections", "Corrections", *(parts or ["Nothing was corrected since the first pull."]))


def _from_to(before: str, now: str) -> str:
    return now if before == now else f"{before} → {now}"
