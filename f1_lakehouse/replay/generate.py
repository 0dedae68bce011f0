"""A season, made up and written as the files that the embedded OpenF1 serves.

Belongs here: which sessions are driven, what follows from what (grid from qualifying, standings from results),
and the files. Does not belong here: facts (`world`), driving (`running`, `race`), formats (`rows`), imperfections
(`flaws`), telemetry (`telemetry`), serving (`server`).

    FOLDER/meetings/2024.json  FOLDER/sessions/2024.json  FOLDER/<endpoint>/<session_key>.json
    FOLDER/car_data/<session_key>.json.gz  FOLDER/location/<session_key>.json.gz      with telemetry
    FOLDER/.corrections/<endpoint>/<session_key>.json                                 what is put right later

Same arguments, same bytes. A meeting does not depend on how many follow it, only the standings on those before.
Every race lacks one lap, and its result may change by a penalty: both wait under `.corrections`, where the server
does not look, until `publish_corrections`. After that laps and results agree: a classified driver has as many laps
as `number_of_laps`, a retired one the lap of his retirement on top, as in the recorded races.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import orjson

from f1_lakehouse.replay import flaws, race, rows, running, telemetry, world
from f1_lakehouse.replay.rows import Row, Session
from f1_lakehouse.replay.running import Run
from f1_lakehouse.replay.store import ReplayError

CORRECTIONS = ".corrections"


class GenerateError(ReplayError):
    """What was asked for cannot be generated; one line that names the cause and the cure."""


@dataclass
class Generated:
    """What was written: the sessions that have rows, and rows by endpoint (corrections not counted)."""

    folder: Path
    sessions: list[int] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)


@dataclass
class Standings:
    """Points of a season so far, and how often each place was reached, which decides between equals."""

    points: dict[str, float] = field(default_factory=dict)
    places: dict[str, list[int]] = field(default_factory=dict)

    def add(self, who: str, points: float, position: int | None) -> None:
        """One result."""
        self.points[who] = self.points.get(who, 0.0) + points
        places = self.places.setdefault(who, [0] * 30)
        if position is not None:
            places[position - 1] += 1

    def order(self) -> list[str]:
        """All, best first."""
        return sorted(self.points, key=lambda who: (-self.points[who], [-n for n in self.places[who]], who))


def generate(
    folder: Path | str,
    season: int,
    meetings: int,
    telemetry: bool = False,
    seed: int = 0,
    *,
    now: datetime | None = None,
    sprint_every: int | None = None,
    telemetry_every: int = 1,
    progress: Callable[[str], None] | None = None,
) -> Generated:
    """Write the first `meetings` meetings of a season.

    Args:
        folder: where to; is made. Rows that an earlier call wrote for this season are replaced.
        season: one of `world.SEASONS`.
        meetings: how many that take place; cancelled ones between them are written too, without rows.
        telemetry: whether to write car_data and location as well (some million rows a meeting).
        seed: another number gives another season.
        now: sessions that end later have not been driven: they are in `sessions` and have no rows. None for all.
        sprint_every: make every n-th meeting a sprint weekend, 0 none; None for the season's own.
        telemetry_every: keep only every n-th sample of 3.7 a second.
        progress: is told of each session before it is driven.

    Raises:
        GenerateError: a season, number or folder that cannot be used.
    """
    folder = Path(folder)
    weekends = _chosen(season, meetings, sprint_every)
    if telemetry_every < 1:
        raise GenerateError(f"every {telemetry_every}-th sample makes no sense: give 1 or more")
    _clear(folder, season)
    writer = _Writer(folder)
    drivers = world.drivers(season)
    standings = (Standings(), Standings())
    meeting_rows: list[Row] = []
    session_rows: list[Row] = []
    for number, weekend in weekends:
        sessions = rows.sessions_of(season, number, weekend)
        meeting_rows.append(rows.meeting_row(sessions))
        session_rows += [rows.session_row(session) for session in sessions]
        if weekend.cancelled:
            continue
        meeting = _Meeting(writer, drivers, standings, seed, telemetry_every if telemetry else 0)
        for session in sessions:
            if now is not None and session.end > rows.milliseconds(now):
                break
            if progress is not None:
                progress(f"{season} {weekend.name}: {session.name}")
            meeting.drive(session)
    writer.write("meetings", str(season), meeting_rows)
    writer.write("sessions", str(season), session_rows)
    return writer.written


def publish_corrections(folder: Path | str) -> list[Path]:
    """Put the corrections of a generated season in the place of what they correct, as a source does later.

    Returns the files that changed. Applies once: nothing is left under `.corrections`.
    """
    folder = Path(folder)
    changed = []
    for path in sorted((folder / CORRECTIONS).glob("*/*.json")):
        target = folder / path.relative_to(folder / CORRECTIONS)
        path.replace(target)
        changed.append(target)
    return changed


class _Writer:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written = Generated(folder)

    def write(self, endpoint: str, name: str, found: Sequence[Row], *, correction: bool = False) -> None:
        """One file; none for no rows."""
        if not found:
            return
        path = self.folder / (CORRECTIONS if correction else "") / endpoint / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(found))
        if not correction:
            self.count(endpoint, len(found))

    def count(self, endpoint: str, number: int) -> None:
        self.written.rows[endpoint] = self.written.rows.get(endpoint, 0) + number


@dataclass
class _Meeting:
    """One meeting while it is driven; `grids` holds the order that qualifying gave for the race it is for."""

    writer: _Writer
    drivers: list[world.Driver]
    standings: tuple[Standings, Standings]
    seed: int
    telemetry_every: int
    grids: dict[str, list[int]] = field(default_factory=dict)

    def drive(self, session: Session) -> None:
        """Drive one session and write its rows."""
        rng = self._random(session, "drive")
        form = self._random(session, "form", of_meeting=True)
        wet = form.random() < 0.08
        # A weekend suits some cars more than others.
        suits = {d.team: form.gauss(0, 110) for d in self.drivers}
        entries = [_with_pace(d, d.pace + round(suits[d.team] + form.gauss(0, 60))) for d in self.drivers]
        circuit = session.circuit
        if session.slot.type == "Practice":
            run = running.practice(
                circuit, entries, round((session.end - session.start) / running.MINUTE), rng
            )
        elif session.slot.type == "Qualifying":
            run = running.qualifying(circuit, entries, session.name != "Qualifying", rng)
            self._set_grid(session, run, rng)
        else:
            grid = self.grids[session.name]
            run = race.simulate(
                circuit,
                sorted(entries, key=lambda d: grid.index(d.number)),
                rng,
                sprint=session.name == "Sprint",
                wet=wet and session.name == "Race",
                fastest_lap_point=session.name == "Race" and session.season <= world.LAST_FASTEST_LAP_POINT,
                drs=session.season <= world.LAST_DRS,
            )
        self._write(session, run, entries, wet=wet and session.name == "Race")
        self.writer.written.sessions.append(session.session_key)

    def _write(self, session: Session, run: Run, entries: Sequence[world.Driver], *, wet: bool) -> None:
        rng = self._random(session, "rows")
        name = str(session.session_key)
        put = self.writer.write
        put("drivers", name, flaws.drivers(rows.driver_rows(session, entries), session, rng))
        laps = flaws.laps(rows.lap_rows(session, run, rng), session, rng)
        served = flaws.without_late_lap(laps, session, rng)
        put("laps", name, served)
        if len(served) < len(laps):
            put("laps", name, laps, correction=True)
        put("stints", name, flaws.stints(rows.stint_rows(session, run), session, rng))
        put("pit", name, flaws.pit(rows.pit_rows(session, run), rng))
        put("position", name, rows.position_rows(session, run))
        put("intervals", name, rows.interval_rows(session, run))
        put("overtakes", name, rows.overtake_rows(session, run))
        put("race_control", name, rows.control_rows(session, run))
        put("weather", name, flaws.weather(rows.weather_rows(session, rng, wet=wet), rng))
        put("team_radio", name, rows.radio_rows(session, entries, rng))
        result = rows.result_rows(session, run.result)
        put("session_result", name, result)
        if session.name == "Race":
            put("session_result", name, flaws.corrected_result(result, rng) or (), correction=True)
        if session.slot.type == "Race":
            self._write_standings(session, run)
        if session.slot.type == "Qualifying":
            grid = self.grids["Race" if session.name == "Qualifying" else "Sprint"]
            put("starting_grid", name, rows.grid_rows(session, grid, run.result))
        if self.telemetry_every:
            found = telemetry.write(
                self.writer.folder,
                session,
                entries,
                run,
                self._random(session, "telemetry"),
                every=self.telemetry_every,
            )
            for endpoint, number in found.items():
                self.writer.count(endpoint, number)

    def _set_grid(self, session: Session, run: Run, rng: random.Random) -> None:
        """The grid is the order of qualifying, but for a driver who goes back some places now and then."""
        grid = [c.driver for c in run.result if c.position is not None]
        if session.name == "Qualifying" and rng.random() < 0.4:
            place = rng.randrange(len(grid) - 5)
            grid.insert(place + rng.choice((3, 5)), grid.pop(place))
        grid += [c.driver for c in run.result if c.position is None]
        self.grids["Race" if session.name == "Qualifying" else "Sprint"] = grid

    def _write_standings(self, session: Session, run: Run) -> None:
        teams = {d.number: d.team for d in self.drivers}
        scored = [((str(c.driver), teams[c.driver]), c.points or 0.0, c.position) for c in run.result]
        for standing, place, endpoint in zip(
            self.standings, (0, 1), ("championship_drivers", "championship_teams"), strict=True
        ):
            before, places_before = dict(standing.points), standing.order()
            for names, points, finished in scored:
                standing.add(names[place], points, finished)
            found: list[Row] = []
            for position, who in enumerate(standing.order(), start=1):
                known = who in before
                found.append(
                    {
                        **session.keys,
                        **({"driver_number": int(who)} if place == 0 else {"team_name": who}),
                        # As served: there is no place before the first race, and whole points are integers.
                        "position_start": places_before.index(who) + 1 if known else None,
                        "position_current": position,
                        "points_start": _whole(before.get(who, 0.0)),
                        "points_current": _whole(standing.points[who]),
                    }
                )
            self.writer.write(endpoint, str(session.session_key), found)

    def _random(self, session: Session, purpose: str, *, of_meeting: bool = False) -> random.Random:
        """Random numbers of their own for each purpose: more of one never changes another."""
        key = session.meeting_key if of_meeting else session.session_key
        return random.Random(f"{self.seed} {key} {purpose}")


def _with_pace(driver: world.Driver, pace: int) -> world.Driver:
    return world.Driver(**{**driver.__dict__, "pace": max(pace, 0)})


def _whole(points: float) -> int | float:
    return int(points) if points == int(points) else points


def _chosen(season: int, meetings: int, sprint_every: int | None) -> list[tuple[int, world.Weekend]]:
    """(round, weekend) up to the last of so many that take place; cancelled ones count as rounds."""
    if season not in world.SEASONS:
        known = f"{world.SEASONS[0]} to {world.SEASONS[-1]}"
        raise GenerateError(f"season {season} is not known: choose one from {known}")
    weekends = world.calendar(season)
    held = sum(not w.cancelled for w in weekends)
    if not 1 <= meetings <= held:
        raise GenerateError(f"season {season} has {held} meetings, not {meetings}: ask for 1 to {held}")
    chosen: list[tuple[int, world.Weekend]] = []
    for number, weekend in enumerate(weekends, start=1):
        if sum(not w.cancelled for _, w in chosen) == meetings:
            break
        if sprint_every is not None:
            sprint = bool(sprint_every) and number % sprint_every == 0
            weekend = world.Weekend(
                weekend.circuit, weekend.name, weekend.race_day, sprint, weekend.cancelled
            )
        chosen.append((number, weekend))
    return chosen


def _clear(folder: Path, season: int) -> None:
    """Remove what an earlier call wrote for this season; refuse to touch rows that it did not write."""
    if folder.exists() and not folder.is_dir():
        raise GenerateError(f"{folder} is a file: name a folder")
    calendar = folder / "sessions" / f"{season}.json"
    if calendar.exists():
        keys = [row["session_key"] for row in orjson.loads(calendar.read_bytes())]
        if any(key // 1000 != season for key in keys):
            raise GenerateError(f"{calendar} holds rows that were not generated: name another folder")
    for path in [*folder.glob("*/*.json*"), *folder.glob(f"{CORRECTIONS}/*/*.json")]:
        stem = path.name.partition(".")[0]
        if stem.isdigit() and int(stem) // 1000 == season:
            path.unlink()
