"""The page of a session: races and sprints, qualifying sessions, and a short one for practice.

Belongs here: which sections the page has, its lead and its facts. A section without rows in gold is omitted; that is the only
difference between a full page, one with results only, and one of a cancelled session.
"""

from collections.abc import Callable

from f1_lakehouse.site.links import address
from f1_lakehouse.site.model import Session, short_race_name
from f1_lakehouse.site.page import NONE, Page, Section, link
from f1_lakehouse.site.queries import Gold
from f1_lakehouse.site.sections.comparison import lap_files
from f1_lakehouse.site.sections.corrections import corrections_section
from f1_lakehouse.site.sections.degradation import degradation_section
from f1_lakehouse.site.sections.laps import laps_section
from f1_lakehouse.site.sections.long_runs import long_runs_section
from f1_lakehouse.site.sections.pace import pace_section
from f1_lakehouse.site.sections.phases import phases_section
from f1_lakehouse.site.sections.pit_stops import pit_stops_section
from f1_lakehouse.site.sections.pit_wall import pit_wall_section
from f1_lakehouse.site.sections.race_control import race_control_section
from f1_lakehouse.site.sections.result import (
    fastest_laps_section,
    qualifying_result_section,
    race_result_section,
)
from f1_lakehouse.site.sections.sectors import sectors_section
from f1_lakehouse.site.sections.telemetry import telemetry_section
from f1_lakehouse.site.sections.tyres import tyres_section
from f1_lakehouse.site.sections.weather import weather_section
from f1_lakehouse.site.view import View

SectionMaker = Callable[[View], Section | None]


def session_page(gold: Gold, session: Session) -> Page:
    """The page of a session."""
    view = View(gold, session)
    sections: tuple[SectionMaker, ...]
    if session.is_race:
        sections = (
            race_result_section,
            laps_section,
            tyres_section,
            pace_section,
            pit_stops_section,
            pit_wall_section,
            degradation_section,
            sectors_section,
            telemetry_section,
            weather_section,
            race_control_section,
            corrections_section,
        )
    elif session.is_qualifying:
        sections = (
            qualifying_result_section,
            phases_section,
            sectors_section,
            telemetry_section,
            weather_section,
            race_control_section,
            corrections_section,
        )
    else:
        sections = (
            fastest_laps_section,
            long_runs_section,
            sectors_section,
            weather_section,
            race_control_section,
            corrections_section,
        )
    found = [] if session.is_cancelled and not view.drivers else [part(view) for part in sections]
    return Page(
        title=f"{session.title} {session.season}: {session.name}"
        + (" (generated)" if session.is_generated else ""),
        of=[session.key],
        lead=_lead(view),
        facts=_facts(view),
        sections=[one for one in found if one is not None],
        files=lap_files(view) if any(one is not None and one.name == "track" for one in found) else {},
        trail=[
            ("index.html", "All seasons"),
            (f"{session.season}/index.html", f"Season {session.season}"),
            *_neighbours(view),
        ],
        siblings=[
            ("" if one.key == session.key else one.page, one.name)
            for one in gold.sessions
            if one.meeting_key == session.meeting_key
        ],
        colours=list({view.teams[d.team_id]: d.colour for d in view.drivers.values()}.items()),
    )


def _neighbours(view: View) -> list[tuple[str, str]]:
    """Links to the session of the same kind before and to the one after, with the season if it is another one."""
    found = []
    for one, text in zip(view.gold.neighbours.get(view.session.key, ()), ("← {}", "{} →"), strict=False):
        if one is not None:
            season = f" {one.season}" if one.season != view.session.season else ""
            found.append((one.page, text.format(f"{short_race_name(one.title)}{season}: {one.name}")))
    return found


def _lead(view: View) -> str:
    if view.session.is_cancelled:
        return "This session was cancelled."
    if not view.laps:
        return "The lake has the result of this session and no laps: sections by lap are missing."
    return ""


def _facts(view: View) -> list[tuple[str, object]]:
    session = view.session
    where = ", ".join(part for part in (session.circuit, session.country) if part)
    circuit = view.gold.circuit_page(session)
    facts: list[tuple[str, object]] = [
        ("Start (UTC)", f"{session.date_start:%a %d %b %Y %H:%M}"),
        (
            "Circuit",
            link(f"../{address('circuits', circuit)}", where or circuit) if circuit else where or NONE,
        ),
    ]
    if session.round_number is not None:
        facts.append(("Round", session.round_number))
    winner = view.results[0]["driver_number"] if view.results and view.results[0]["position"] == 1 else None
    if winner is not None:
        facts.append(("Winner" if session.is_race else "Fastest", view.drivers[winner].name))
    if view.session.is_race and view.status_by_lap:
        facts.append(("Laps", max(view.status_by_lap)))
    pulled = [row["pulled_at"] for row in (*view.results, *view.laps) if row["pulled_at"] is not None]
    if pulled:
        facts.append(("Data as of (UTC)", f"{max(pulled):%d %b %Y %H:%M}"))
    return facts
