"""What stands on the page of a session: races and sprints, qualifying of either kind, and a short one for practice.

A section is a function of the session's `View` and gives None where gold has nothing for it: that is the whole difference
between a full page, one with nothing but results, and one of a session that was called off.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property
from statistics import median

from markupsafe import Markup

from f1_lakehouse.site import figures
from f1_lakehouse.site.figures import Style
from f1_lakehouse.site.html import (
    NONE,
    Chart,
    Key,
    Page,
    Section,
    Table,
    lap_time,
    number,
    points,
    race_time,
    signed,
    strong,
    swatch,
    text,
)
from f1_lakehouse.site.queries import Driver, Gold, Row, Session

MIN_CURVE_LAPS = 3
"""Laps behind each point of the degradation chart, and points of each of its curves, below which nothing is drawn."""

MIN_SAMPLES = 30
"""Samples of a lap below which its trace says nothing."""

TABLE_LAPS, TRACE_STEP_M = 5, 250
"""Steps of the tables behind charts with hundreds of points."""


class View:
    """A session with what gold says of it; asked for once, when a section wants it."""

    def __init__(self, gold: Gold, session: Session) -> None:
        self.gold = gold
        self.session = session

    @cached_property
    def drivers(self) -> dict[int, Driver]:
        """Who drove."""
        return self.gold.drivers(self.session)

    @cached_property
    def teams(self) -> dict[str, str]:
        """Team → the CSS variable of its colour."""
        return {team: f"t{i}" for i, team in enumerate(sorted({d.team_id for d in self.drivers.values()}))}

    @cached_property
    def styles(self) -> dict[int, Style]:
        """How each driver is drawn."""
        return {n: Style(f"d{n}", d.label, self.teams[d.team_id], d.mate) for n, d in self.drivers.items()}

    @property
    def classification(self) -> str:
        """What the table of the results is called."""
        return "Generated classification" if self.session.is_generated else "Official classification"

    @cached_property
    def results(self) -> list[Row]:
        """The classification."""
        return self.gold.results(self.session)

    @cached_property
    def leaderboard(self) -> list[Row]:
        """Drivers by fastest lap."""
        return self.gold.leaderboard(self.session)

    @cached_property
    def laps(self) -> list[Row]:
        """Every lap."""
        return self.gold.laps(self.session)

    @cached_property
    def order(self) -> list[int]:
        """Drivers as classified, then by fastest lap, then who is left."""
        found = [row["driver_number"] for row in (*self.results, *self.leaderboard)] + list(self.drivers)
        return [n for n in dict.fromkeys(found) if n in self.drivers]

    @cached_property
    def status_by_lap(self) -> dict[int, str | None]:
        """Lap → state of the track, as the leader had it; where nobody is known to lead, as most had it."""
        seen: dict[int, list[Row]] = {}
        for row in self.laps:
            seen.setdefault(row["lap_number"], []).append(row)
        found = {}
        for lap, rows in seen.items():
            leading = [row["track_status"] for row in rows if row["position_at_lap_end"] == 1]
            found[lap] = (
                leading[0] if leading else Counter(row["track_status"] for row in rows).most_common(1)[0][0]
            )
        return found

    def label(self, driver: int | None) -> str:
        """The short name of a driver."""
        if driver is None:
            return NONE
        return self.drivers[driver].label if driver in self.drivers else f"#{driver}"

    def named(self, driver: int) -> Markup | str:
        """The full name of a driver behind his team's colour."""
        known = self.drivers.get(driver)
        return swatch(self.teams[known.team_id], known.name) if known else f"Car {driver}"

    def keys(self, drivers: Sequence[int]) -> list[Key]:
        """The legend of a chart with these drivers."""
        return [Key(s.label, s.colour, s.key, min(s.dash, 3)) for s in (self.styles[n] for n in drivers)]


Part = Callable[[View], Section | None]


def session_page(gold: Gold, session: Session) -> Page:
    """The page of a session."""
    view = View(gold, session)
    sections: tuple[Part, ...]
    if session.is_race:
        sections = (
            _race_result,
            _lap_by_lap,
            _tyres,
            _pace,
            _pit_stops,
            _degradation,
            _sectors,
            _telemetry,
            _weather,
            _race_control,
            _corrections,
        )
    elif session.is_qualifying:
        sections = (_qualifying_result, _phases, _sectors, _telemetry, _weather, _race_control, _corrections)
    else:
        sections = (_fastest_laps, _long_runs, _sectors, _weather, _race_control, _corrections)
    found = [] if session.is_cancelled and not view.drivers else [part(view) for part in sections]
    return Page(
        title=f"{session.title} {session.season}: {session.name}"
        + (" (generated)" if session.is_generated else ""),
        of=[session.key],
        lead=_lead(view),
        facts=_facts(view),
        sections=[one for one in found if one is not None],
        trail=[("index.html", "All seasons"), (f"{session.season}/index.html", f"Season {session.season}")],
        siblings=[
            ("" if one.key == session.key else one.page, one.name)
            for one in gold.sessions
            if one.meeting_key == session.meeting_key
        ],
        colours=list({view.teams[d.team_id]: d.colour for d in view.drivers.values()}.items()),
    )


def _lead(view: View) -> str:
    if view.session.is_cancelled:
        return "This session was called off."
    if not view.laps:
        return "Gold has the result of this session and no laps: what is told lap by lap is missing."
    return ""


def _facts(view: View) -> list[tuple[str, object]]:
    session = view.session
    where = ", ".join(part for part in (session.circuit, session.country) if part)
    facts: list[tuple[str, object]] = [
        ("Start (UTC)", f"{session.date_start:%a %d %b %Y %H:%M}"),
        ("Circuit", where or NONE),
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


def _section(name: str, title: str, *parts: Table | Chart | str | None) -> Section | None:
    found = [part for part in parts if part is not None]
    return Section(name, title, found) if found else None


# Results


def _race_result(view: View) -> Section | None:
    if not view.results:
        return None
    best = min((row["fastest_lap_time"] for row in view.results if row["fastest_lap_time"]), default=None)
    rows = []
    for row in view.results:
        fastest = lap_time(row["fastest_lap_time"])
        rows.append(
            (
                text(row["position"]),
                view.named(row["driver_number"]),
                row["team_name"],
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
    return _section("result", "Result", Table(view.classification, columns, rows, text=(1, 2, 9), head=1))


def _finish(row: Row) -> str:
    if row["position"] == 1 and row["duration_s"] is not None:
        return race_time(row["duration_s"])
    if row["gap_to_leader_s"] is not None:
        return signed(row["gap_to_leader_s"], 3)
    if row["laps_down"]:
        return f"+{row['laps_down']} lap{'s' if row['laps_down'] > 1 else ''}"
    return NONE


def _qualifying_result(view: View) -> Section | None:
    if not view.results:
        return _fastest_laps(view)
    columns = ("Position", "Driver", "Team", "Q1", "Q2", "Q3", "Gap, s", "Laps", "Status")
    rows = [
        (
            text(row["position"]),
            view.named(row["driver_number"]),
            row["team_name"],
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
        f"{view.classification}; the gap is to the best of the last phase driven. Dashed lines: who got no further",
        columns,
        rows,
        text=(1, 2, 8),
        head=1,
        cut_after=list(_cut_places(view).values()),
    )
    return _section("result", "Result", table)


def _cut_places(view: View) -> dict[str, int]:
    """Phase → the last position from which the next one was reached.

    Ten reach Q3, and as many go out in Q1 as in Q2: by the rules and not by the times, for who got through need not have
    set one. Without a time in the next phase there was none.
    """
    cars, found = len(view.results), {}
    for phase, following, place in (("Q1", "q2_s", cars - (cars - 10) // 2), ("Q2", "q3_s", 10)):
        if cars > place and any(row[following] is not None for row in view.results):
            found[phase] = place
    return found


def _fastest_laps(view: View) -> Section | None:
    if not view.leaderboard:
        return _plain_result(view)
    laps = Counter(row["driver_number"] for row in view.laps)
    rows = [
        (
            text(row["position"]),
            view.named(row["driver_number"]),
            row["team_name"],
            lap_time(row["fastest_lap_time"]),
            signed(row["delta_to_fastest"], 3),
            text(row["fastest_lap_number"]),
            text(row["fastest_lap_compound"]),
            laps[row["driver_number"]],
        )
        for row in view.leaderboard
    ]
    columns = ("Position", "Driver", "Team", "Fastest lap", "Gap, s", "On lap", "Tyres", "Laps")
    return _section(
        "result", "Fastest laps", Table("Drivers by fastest valid lap", columns, rows, text=(1, 2, 6), head=1)
    )


def _plain_result(view: View) -> Section | None:
    if not view.results:
        return None
    rows = [
        (
            text(row["position"]),
            view.named(row["driver_number"]),
            row["team_name"],
            lap_time(row["duration_s"]),
            signed(row["gap_to_leader_s"], 3),
            text(row["number_of_laps"]),
        )
        for row in view.results
    ]
    columns = ("Position", "Driver", "Team", "Best lap", "Gap, s", "Laps")
    return _section("result", "Result", Table(view.classification, columns, rows, text=(1, 2), head=1))


# Lap by lap


def _lap_by_lap(view: View) -> Section | None:
    return _section("laps", "Lap by lap", _lap_chart(view), _gap_chart(view))


def _shade_note(view: View) -> str:
    runs = figures.spans(view.status_by_lap, figures.SHADED)
    names = {"SC": "safety car", "VSC": "virtual safety car", "Red": "red flag"}
    if not runs:
        return ""
    return (
        " Shaded: "
        + ", ".join(
            f"{names[state]} on " + (f"laps {first} to {last}" if last > first else f"lap {first}")
            for state, first, last in runs
        )
        + "."
    )


def _lap_chart(view: View) -> Chart | None:
    places: dict[int, dict[int, int]] = {}
    for row in view.laps:
        if row["position_at_lap_end"] is not None and row["driver_number"] in view.styles:
            places.setdefault(row["driver_number"], {})[row["lap_number"]] = row["position_at_lap_end"]
    if not places or max(max(by_lap) for by_lap in places.values()) < 2:
        return None
    order = [n for n in view.order if n in places]
    places = {n: places[n] for n in order}
    grid = {r["driver_number"]: r["grid_position"] for r in view.results if r["grid_position"] is not None}
    height = max(360, 22 * len(places) + 70)
    figure = figures.lap_chart(places, grid, view.styles, view.status_by_lap)
    laps = max(max(by_lap) for by_lap in places.values())
    leaders = Counter(
        n
        for by_lap in ({n: p[lap] for n, p in places.items() if lap in p} for lap in range(1, laps + 1))
        for n, p in by_lap.items()
        if p == 1
    )
    led = ", ".join(f"{view.label(n)} {count}" for n, count in leaders.most_common())
    return Chart(
        name="lap-chart",
        title="Positions",
        alt=f"Position of every car at the end of each of {laps} laps. Laps led: {led or 'not known'}.{_shade_note(view)}",
        height=height,
        figure=figure,
        keys=view.keys(order),
        table=Table(
            "Position at the end of each lap",
            ("Lap", *(view.label(n) for n in order)),
            [(lap, *(text(places[n].get(lap)) for n in order)) for lap in range(1, laps + 1)],
            text=(),
        ),
    )


def steady_gaps(laps: Sequence[Row], reference: int) -> tuple[dict[int, dict[int, float]], float] | None:
    """How far each car is behind one that laps steadily, at the end of each lap; negative: ahead of it.

    The steady car laps at the mean of the reference driver's green laps, his stops included; behind a safety car and while
    the race stood it lapped as he did, so that the chart does not show how slow that was.

    Args:
        laps: rows of fact_laps.
        reference: the driver whose mean pace it has.

    Returns:
        driver → lap → s, and that pace in s; None if the reference has no green lap with a known start and end.
    """
    ends: dict[int, dict[int, datetime]] = {}
    neutral = set()
    for row in laps:
        if row["lap_end_at"] is not None:
            ends.setdefault(row["driver_number"], {})[row["lap_number"]] = row["lap_end_at"]
        if row["driver_number"] == reference and row["track_status"] in figures.SHADED:
            neutral.add(row["lap_number"])
    own = ends.get(reference, {})
    steps = {lap: (own[lap] - own[lap - 1]).total_seconds() for lap in own if lap - 1 in own}
    green = [step for lap, step in steps.items() if lap not in neutral]
    if not green:
        return None
    pace = sum(green) / len(green)
    first, last = min(own), max(lap for by_lap in ends.values() for lap in by_lap)
    steady = {first: 0.0}
    for lap in range(first + 1, last + 1):
        steady[lap] = steady[lap - 1] + (steps[lap] if lap in neutral and lap in steps else pace)
    return {
        driver: {
            lap: (end - own[first]).total_seconds() - steady[lap]
            for lap, end in by_lap.items()
            if lap in steady
        }
        for driver, by_lap in ends.items()
    }, pace


def _gap_chart(view: View) -> Chart | None:
    counted = Counter(row["driver_number"] for row in view.laps)
    candidates = [n for n in view.order if counted[n]]
    found = steady_gaps(view.laps, candidates[0]) if candidates else None
    if found is None:
        return None
    gaps, pace = found
    order = [n for n in view.order if gaps.get(n)]
    gaps = {n: gaps[n] for n in order}
    height = 480
    figure = figures.gap_chart(gaps, view.styles, view.status_by_lap)
    first, last = (f(lap for by_lap in gaps.values() for lap in by_lap) for f in (min, max))
    return Chart(
        name="gap-chart",
        title="Gaps",
        alt=f"Seconds behind a car that laps at a steady {lap_time(round(pace, 3))}, the mean of "
        f"{view.label(candidates[0])}. A line that rises is faster than that, a step down is a stop; "
        f"behind a safety car it laps as {view.label(candidates[0])} did.{_shade_note(view)}",
        height=height,
        figure=figure,
        keys=view.keys(order),
        table=Table(
            f"Seconds behind the steady pace, every {TABLE_LAPS} laps",
            ("Lap", *(view.label(n) for n in order)),
            [
                (lap, *(number(gaps[n].get(lap), 1) for n in order))
                for lap in range(first, last + 1)
                if lap in (first, last) or lap % TABLE_LAPS == 0
            ],
            text=(),
        ),
    )


# Tyres, pace, stops


def _tyres(view: View) -> Section | None:
    stints = [row for row in view.gold.stints(view.session) if row["driver_number"] in view.styles]
    if not stints:
        return None
    with_stint = {row["driver_number"] for row in stints}
    order = [n for n in view.order if n in with_stint]
    height = 24 * len(order) + 76
    figure = figures.tyre_bars(stints, [(n, view.label(n)) for n in order], view.status_by_lap)
    used = Counter(row["compound"] for row in stints)
    chart = Chart(
        name="tyre-chart",
        title="Tyre strategy",
        alt=f"Stints of {len(order)} drivers, the first one of the classification on top. Stints: "
        + ", ".join(
            f"{compound} ({figures.letter(compound)}) {count}" for compound, count in used.most_common()
        )
        + f".{_shade_note(view)}",
        height=height,
        figure=figure,
        keys=[
            Key(f"{figures.letter(c)} {c.capitalize()}", figures.compound_colour(c))
            for c, _ in used.most_common()
        ],
        table=Table(
            "Stints",
            (
                "Driver",
                "Stint",
                "Tyres",
                "First lap",
                "Last lap",
                "Laps",
                "Age at start, laps",
                "Median clean lap",
                "Slower by, s a lap",
            ),
            [
                (
                    view.label(row["driver_number"]),
                    row["stint_number"],
                    row["compound"],
                    row["lap_start"],
                    row["lap_end"],
                    row["stint_laps"],
                    text(row["tyre_age_at_start"]),
                    lap_time(row["median_pace_s"]),
                    signed(row["degradation_s_per_lap"], 3),
                )
                for n in order
                for row in stints
                if row["driver_number"] == n
            ],
            text=(0, 2),
        ),
    )
    return _section("tyres", "Tyre strategy", chart)


def _clean(view: View) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in view.laps:
        if row["is_clean_lap"] and row["driver_number"] in view.styles:
            found.setdefault(row["driver_number"], []).append(row)
    return found


def _pace(view: View) -> Section | None:
    paces = [row for row in view.gold.pace(view.session) if row["driver_number"] in view.styles]
    clean = _clean(view)
    paces = [row for row in paces if row["driver_number"] in clean]
    if not paces:
        return None
    values = {
        row["driver_number"]: [lap["lap_duration"] for lap in clean[row["driver_number"]]] for row in paces
    }
    figure = figures.boxes(values, view.styles)
    chart = Chart(
        name="pace-chart",
        title="Race pace",
        alt=f"Lap times of every driver under green, without laps into and out of the pits. Best median: "
        f"{view.label(paces[0]['driver_number'])}, {lap_time(paces[0]['median_pace_s'])}. Box: the middle half of the laps.",
        height=440,
        figure=figure,
        table=Table(
            "Race pace over clean laps",
            ("Rank", "Driver", "Clean laps", "Median", "Gap, s", "Gap, %", "Mean"),
            [
                (
                    text(row["pace_rank"]),
                    view.named(row["driver_number"]),
                    row["clean_laps"],
                    lap_time(row["median_pace_s"]),
                    signed(row["gap_to_best_s"], 3),
                    number(row["gap_to_best_percentage"], 2),
                    lap_time(row["avg_pace_s"]),
                )
                for row in paces
            ],
            text=(1,),
            head=1,
        ),
    )
    return _section("pace", "Race pace", chart)


def _pit_stops(view: View) -> Section | None:
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
                else f"{figures.letter(row['compound_before'])} → {figures.letter(row['compound_after'])}",
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
    return _section(
        "stops", "Pit stops", Table("Trips through the pit lane", columns, rows, text=(1, 5, 7, 8), head=1)
    )


def _degradation(view: View) -> Section | None:
    by_point: dict[str, dict[int, list[float]]] = {}
    for rows in _clean(view).values():
        middle = median(row["lap_duration"] for row in rows)
        for row in rows:
            if row["compound"] is not None and row["tyre_age_laps"] is not None:
                ages = by_point.setdefault(row["compound"], {})
                ages.setdefault(row["tyre_age_laps"], []).append(row["lap_duration"] - middle)
    curves = {
        compound: found
        for compound in [*figures.COMPOUNDS, *sorted(by_point.keys() - figures.COMPOUNDS)]
        if compound in by_point
        and len(
            found := [
                (age, median(deltas), len(deltas))
                for age, deltas in sorted(by_point[compound].items())
                if len(deltas) >= MIN_CURVE_LAPS
            ]
        )
        >= MIN_CURVE_LAPS
    }
    if not curves:
        return None
    figure = figures.degradation(curves)
    slopes: dict[str, list[Row]] = {}
    for row in view.gold.stints(view.session):
        if row["degradation_s_per_lap"] is not None:
            slopes.setdefault(row["compound"], []).append(row)
    table = [
        (
            compound,
            len(stints := slopes.get(compound, [])),
            sum(row["clean_laps"] for row in stints),
            signed(median([row["degradation_s_per_lap"] for row in stints]), 3) if stints else NONE,
        )
        for compound in curves
    ]
    chart = Chart(
        name="degradation-chart",
        title="Tyre degradation",
        alt="Median of the clean laps by age of the tyres, each lap against its driver's own median, at least "
        f"{MIN_CURVE_LAPS} laps behind a point. The car gets lighter meanwhile: a level line is already wear.",
        height=400,
        figure=figure,
        keys=[Key(f"{figures.letter(c)} {c.capitalize()}", figures.compound_colour(c)) for c in curves],
        table=Table(
            "Slope of the stints with enough clean laps",
            ("Tyres", "Stints", "Clean laps", "Median slope, s a lap"),
            table,
        ),
    )
    return _section("degradation", "Tyre degradation", chart)


def _sectors(view: View) -> Section | None:
    rows = [row for row in view.gold.summaries(view.session) if row["fastest_lap_time"] is not None]
    columns = ("best_sector_1", "best_sector_2", "best_sector_3", "fastest_lap_time", "theoretical_best_lap")
    if not any(row[column] is not None for row in rows for column in columns[:3]):
        return None
    best = {
        column: min((row[column] for row in rows if row[column] is not None), default=None)
        for column in columns
    }

    def cell(row: Row, column: str) -> str:
        written = lap_time(row[column])
        return strong(written) if row[column] is not None and row[column] == best[column] else written

    table = Table(
        "Best sectors of the valid laps; the best of all is bold",
        ("Driver", "Sector 1, s", "Sector 2, s", "Sector 3, s", "Best lap", "Theoretical best", "Left, s"),
        [
            (
                view.named(row["driver_number"]),
                *(cell(row, column) for column in columns),
                signed(row["fastest_lap_time"] - row["theoretical_best_lap"], 3)
                if row["theoretical_best_lap"] is not None
                else NONE,
            )
            for row in rows
        ],
    )
    return _section("sectors", "Sectors", _sector_chart(view, rows, best), table)


def _sector_chart(view: View, rows: Sequence[Row], best: dict[str, float | None]) -> Chart | None:
    complete = [
        row for row in rows if row["theoretical_best_lap"] is not None and row["driver_number"] in view.styles
    ]
    if len(complete) < 2 or not view.session.is_qualifying:
        return None
    complete.sort(key=lambda row: (row["theoretical_best_lap"], row["driver_number"]))
    losses = [
        (
            view.label(row["driver_number"]),
            [row[f"best_sector_{i}"] - (best[f"best_sector_{i}"] or 0) for i in (1, 2, 3)],
        )
        for row in complete
    ]
    height = 24 * len(losses) + 60
    figure = figures.sector_bars(losses)
    return Chart(
        name="sector-chart",
        title="Sector comparison",
        alt="What the best sectors of each driver lose to the best of the session. Least in all: "
        f"{losses[0][0]}, {number(sum(losses[0][1]), 3)} s.",
        height=height,
        figure=figure,
        keys=[Key(f"Sector {i + 1}", ("v1", "v3", "v5")[i], f"S{i + 1}") for i in range(3)],
        table=Table(
            "Behind the best sector of the session, s",
            ("Driver", "Sector 1", "Sector 2", "Sector 3", "Sum"),
            [(name, *(signed(v, 3) for v in found), signed(sum(found), 3)) for name, found in losses],
        ),
    )


def _phases(view: View) -> Section | None:
    times = {
        phase: [
            (view.label(row["driver_number"]), row[f"{phase.lower()}_s"])
            for row in view.results
            if row[f"{phase.lower()}_s"] is not None and row["driver_number"] in view.styles
        ]
        for phase in ("Q1", "Q2", "Q3")
    }
    if not any(times.values()):
        return None
    cuts = {}
    for phase, place in _cut_places(view).items():
        through = [t for row in view.results[:place] if (t := row[f"{phase.lower()}_s"]) is not None]
        if through:
            cuts[phase] = max(through)
    with_time = {label for found in times.values() for label, _ in found}
    order = [label for n in view.order if (label := view.label(n)) in with_time]
    height = 24 * len(order) + 96
    figure = figures.phases(times, cuts, order)
    look = {"Q1": "v1", "Q2": "v3", "Q3": "v6"}
    said = ", ".join(f"{phase} {lap_time(cut)}" for phase, cut in cuts.items())
    chart = Chart(
        name="phase-chart",
        title="Phases",
        alt="Best lap of each driver in each phase, in the order of the classification."
        + (f" Dashed: the slowest time that got through, {said}." if said else ""),
        height=height,
        figure=figure,
        keys=[Key(phase, look[phase], phase) for phase, found in times.items() if found],
        table=Table(
            "Behind the best of the phase, s",
            ("Driver", *(phase for phase, found in times.items() if found)),
            [
                (
                    label,
                    *(
                        signed(dict(found)[label] - min(t for _, t in found), 3)
                        if label in dict(found)
                        else NONE
                        for found in times.values()
                        if found
                    ),
                )
                for label in order
            ],
        ),
    )
    return _section("phases", "Phases and cut-offs", chart)


def _long_runs(view: View) -> Section | None:
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
        ("Driver", "Team", "Tyres", "Stint", "Clean laps", "Median lap", "Slower by, s a lap"),
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
    return _section("runs", "Longer runs", table)


# Telemetry


def _telemetry(view: View) -> Section | None:
    if not view.leaderboard:
        return None
    driven = []
    for row in view.leaderboard:
        samples = [
            s
            for s in view.gold.lap_telemetry(view.session, row["driver_number"], row["fastest_lap_number"])
            if s["speed"] is not None and s["lap_distance_m"] is not None and s["lap_elapsed_s"] is not None
        ]
        if len(samples) >= MIN_SAMPLES and row["driver_number"] in view.styles:
            driven.append((row, samples))
        if len(driven) == 2 or view.session.key not in view.gold.telemetry_sessions:
            break
    if not driven:
        return _section(
            "track",
            "On the track",
            "There is no telemetry of this session in the lake: no track map and no speed trace.",
        )
    return _section("track", "On the track", _track_map(view, *driven[0]), _speed_trace(view, driven))


def _track_map(view: View, row: Row, samples: list[Row]) -> Chart | None:
    placed = [s for s in samples if s["position_x"] is not None]
    if len(placed) < MIN_SAMPLES:
        return None
    figure, bounds = figures.track_map(placed)
    speeds = [s["speed"] for s in samples]
    return Chart(
        name="track-map",
        title="Track map",
        alt=f"The track as {view.label(row['driver_number'])} drove it on the fastest lap of the session, "
        f"{lap_time(row['fastest_lap_time'])} on lap {row['fastest_lap_number']}, coloured by speed: {min(speeds)} to {max(speeds)} km/h.",
        height=480,
        figure=figure,
        keys=[
            Key(f"{bounds[i]:.0f} to {bounds[i + 1]:.0f} km/h", f"v{i}")
            for i in range(figures.SPEED_BINS)
            if any(
                bounds[i] <= speed < bounds[i + 1] or (i == figures.SPEED_BINS - 1 and speed >= bounds[i])
                for speed in speeds
            )
        ],
        table=_trace_table(view, [(row, samples)]),
    )


def _speed_trace(view: View, driven: Sequence[tuple[Row, list[Row]]]) -> Chart | None:
    if len(driven) < 2:
        return None
    (one, _), (two, _) = driven
    labels = view.label(one["driver_number"]), view.label(two["driver_number"])
    (speeds, times), (other_speeds, other_times) = _curves(driven)
    traces = [(view.styles[one["driver_number"]], speeds), (view.styles[two["driver_number"]], other_speeds)]
    delta = [(place, at(other_times, place) - elapsed) for place, elapsed in times]
    figure = figures.speed_traces(traces, delta, labels)
    return Chart(
        name="speed-chart",
        title=f"Speed: {labels[0]} and {labels[1]}",
        alt=f"Speed over the distance on the fastest laps of {labels[0]} ({lap_time(one['fastest_lap_time'])}) and {labels[1]} "
        f"({lap_time(two['fastest_lap_time'])}); below, how far {labels[1]} is behind at the same place.",
        height=480,
        figure=figure,
        keys=view.keys([one["driver_number"], two["driver_number"]]),
        table=_trace_table(view, driven),
    )


Curve = list[tuple[float, float]]


def _curves(driven: Sequence[tuple[Row, Sequence[Row]]]) -> list[tuple[Curve, Curve]]:
    """(m, km/h) and (m, s) of each lap, from line to line.

    Distances are speed over time and differ by some metres between cars: all laps are stretched to the length of the first,
    so that the time between two laps is 0 at the start and that of the stopwatch at the end.
    """
    found: list[tuple[Curve, Curve]] = []
    length = 0.0
    for row, samples in driven:
        last = samples[-1]
        rest = max(row["fastest_lap_time"] - last["lap_elapsed_s"], 0.0)
        own = last["lap_distance_m"] + last["speed"] / 3.6 * rest
        length = length or own
        places = [s["lap_distance_m"] * length / own for s in samples]
        speeds = [(place, s["speed"]) for place, s in zip(places, samples, strict=True)]
        times = [
            (place, s["lap_elapsed_s"])
            for place, s in zip(places, samples, strict=True)
            if 0 < place < length
        ]
        found.append((speeds, [(0.0, 0.0), *times, (length, row["fastest_lap_time"])]))
    return found


def _trace_table(view: View, driven: Sequence[tuple[Row, Sequence[Row]]]) -> Table:
    laps = _curves(driven)
    length = laps[0][1][-1][0]
    names = [view.label(row["driver_number"]) for row, _ in driven]
    behind = (f"{names[1]} behind, s",) if len(names) == 2 else ()
    rows = []
    for place in [*range(0, int(length), TRACE_STEP_M), length]:
        times = [at(elapsed, place) for _, elapsed in laps]
        rows.append(
            (
                number(place),
                *(number(at(speed, place)) for speed, _ in laps),
                *((signed(times[1] - times[0], 3),) if behind else ()),
            )
        )
    columns = ("Distance, m", *(f"{n}, km/h" for n in names), *behind)
    return Table(f"Every {TRACE_STEP_M} m and at the line", columns, rows, text=())


def at(curve: Sequence[tuple[float, float]], x: float) -> float:
    """The value of a curve (x ascending) at a place, linear between its points, level beyond its ends."""
    previous = curve[0]
    for point in curve:
        if point[0] >= x:
            width = point[0] - previous[0]
            share = (x - previous[0]) / width if width > 0 else 1.0
            return previous[1] + (point[1] - previous[1]) * min(max(share, 0.0), 1.0)
        previous = point
    return previous[1]


# Around the cars


def _weather(view: View) -> Section | None:
    measured = [row for row in view.gold.weather(view.session) if row["date"] is not None]
    if not measured:
        return None
    for row in measured:
        row["minute"] = round((row["date"] - view.session.date_start).total_seconds() / 60)
    rain: list[tuple[int, int]] = []
    for here, following in zip(measured, [*measured[1:], measured[-1]], strict=True):
        if here["is_raining"]:
            first = rain.pop()[0] if rain and rain[-1][1] == here["minute"] else here["minute"]
            rain.append((first, following["minute"]))
    table = Table(
        "Weather, about every ten minutes",
        ("UTC", "Air, °C", "Track, °C", "Humidity, %", "Wind, m/s", "Rain"),
        [
            (
                f"{row['date']:%H:%M}",
                number(row["air_temperature"], 1),
                number(row["track_temperature"], 1),
                number(row["humidity"]),
                number(row["wind_speed"], 1),
                "yes" if row["is_raining"] else "no",
            )
            for row in _every_ten_minutes(measured)
        ],
        text=(5,),
    )
    if len(measured) < 2:
        return _section("weather", "Weather", table)
    figure = figures.weather(measured, rain)
    track = [row["track_temperature"] for row in measured if row["track_temperature"] is not None]
    told = f" Track {number(min(track), 1)} to {number(max(track), 1)} °C." if track else ""
    chart = Chart(
        name="weather-chart",
        title="Weather",
        alt=f"Temperatures of track and air, and the wind.{told} {'Rain is shaded.' if rain else 'No rain was measured.'}",
        height=340,
        figure=figure,
        keys=[Key("Track", "v5", "Track"), Key("Air", "v1", "Air", 1), Key("Wind", "v3", "Wind")],
        table=table,
    )
    return _section("weather", "Weather", chart)


def _every_ten_minutes(measured: Sequence[Row]) -> list[Row]:
    kept: list[Row] = []
    for row in measured:
        if not kept or (row["date"] - kept[-1]["date"]).total_seconds() >= 590:
            kept.append(row)
    return kept


def _race_control(view: View) -> Section | None:
    messages = view.gold.race_control(view.session)
    if not messages:
        return None
    shown = [row for row in messages if row["flag"] != "BLUE"]
    blue = len(messages) - len(shown)
    rows = [
        (
            f"{row['date']:%H:%M:%S}" if row["date"] is not None else NONE,
            text(row["lap_number"]),
            text(row["flag"] or row["category"]),
            text(row["message"]),
        )
        for row in shown
    ]
    kept_back = f", without {blue} blue flags" if blue else ""
    table = Table(
        f"Messages of race control{kept_back}",
        ("UTC", "Lap", "Flag or kind", "Message"),
        rows,
        text=(2, 3),
        wrap=True,
    )
    return _section("control", "Race control", _strip(view), table)


def _strip(view: View) -> Chart | None:
    runs = figures.spans(view.status_by_lap, ("Yellow", *figures.SHADED)) if view.session.is_race else []
    if not runs:
        return None
    states = len({state for state, _, _ in runs})
    height = 64 + 32 * states
    figure = figures.status_strip(view.status_by_lap)
    return Chart(
        name="status-chart",
        title="State of the track",
        alt="Gravest state of the track in each lap of the leader: "
        + ", ".join(
            f"{state} {first}" + (f" to {last}" if last > first else "") for state, first, last in runs
        )
        + "; green otherwise.",
        height=height,
        figure=figure,
        table=Table("State by laps", ("State", "First lap", "Last lap"), runs),
    )


def _corrections(view: View) -> Section | None:
    if not view.results:
        return None
    revisions = view.gold.corrections(view.session)
    changes = view.gold.calendar_changes(view.session)
    parts: list[Table | str] = []
    if revisions:
        parts.append(
            Table(
                "What the source changed in the result since it was first pulled",
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
                "What the source changed in its description of the session",
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
    return _section("corrections", "Corrections", *(parts or ["Nothing was corrected since the first pull."]))


def _from_to(before: str, now: str) -> str:
    return now if before == now else f"{before} → {now}"
