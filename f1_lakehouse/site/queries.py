"""What the pages ask of published gold: a function a question, rows as dicts of plain Python values.

Belongs here: SQL, where the answers are found, and fingerprints of what a page is made from. Does not belong here:
what a page makes of the answers.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import duckdb

from f1_lakehouse.publishing.delta_export import exported_sessions
from f1_lakehouse.publishing.gold_file import connect_gold
from f1_lakehouse.settings import Settings
from f1_lakehouse.simulator.keys import generated
from f1_lakehouse.storage.delta import scan

Row = dict[str, Any]

FEEDS = (
    "dim_sessions",
    "driver_session_summary",
    "fact_laps",
    "fact_pit_stops",
    "fact_race_control",
    "fact_results",
    "fact_stints",
    "fact_weather",
    "lap_chart",
    "race_pace",
    "result_revisions",
    "session_leaderboard",
)
"""The tables that a session's page is made from, but for names, source changes and telemetry."""

SEASON_FEEDS = ("dim_meetings", "championship_progression", "teammate_head_to_head")
"""The tables that a season's page is made from besides its sessions'."""

_PEOPLE = """
    select seen.session_key, seen.driver_number, seen.team_id, seen.team_name, names.name_acronym, names.full_name,
        teams.team_colour
    from (
        select session_key, driver_number, driver_id, team_id, team_name from fact_results
        union all
        select session_key, driver_number, driver_id, team_id, team_name from driver_session_summary
        anti join fact_results using (session_key, driver_number)
    ) as seen
    join dim_sessions as sessions using (session_key)
    left join dim_team_seasons as teams on seen.team_id = teams.team_id and sessions.season = teams.season
    left join dim_drivers as names
        on names.driver_id = seen.driver_id and sessions.date_start >= names.valid_from
        and (names.valid_to is null or sessions.date_start < names.valid_to)
"""


@dataclass(frozen=True, order=True)
class Session:
    """A session that has a page. `title` is the meeting's name, `name` the session's within it; times are UTC."""

    date_start: datetime
    key: int
    season: int
    round_number: int | None
    meeting_key: int
    title: str
    name: str
    category: str
    circuit: str
    country: str
    slug: str
    is_cancelled: bool
    winner_driver_number: int | None

    @property
    def page(self) -> str:
        """Its place in the site; the number at the end is the identity, the rest is for people."""
        return (
            f"{self.season}/{'-'.join(part for part in (self.slug, slug(self.name)) if part)}-{self.key}.html"
        )

    @property
    def is_generated(self) -> bool:
        """Whether it was made up."""
        return bool(generated([self.key]))

    @property
    def shown_title(self) -> str:
        """The meeting's name, marked when the session is generated."""
        return f"{self.title} (generated)" if self.is_generated else self.title

    @property
    def is_race(self) -> bool:
        """Whether cars start together: a race or a sprint."""
        return self.category in ("Race", "Sprint")

    @property
    def is_qualifying(self) -> bool:
        """Qualifying of either kind."""
        return self.category in ("Qualifying", "Sprint Qualifying")


@dataclass(frozen=True)
class Driver:
    """Who drove a car in a session. `label` is short and unique in the session; `mate` counts within the team."""

    number: int
    label: str
    name: str
    team_id: str
    team: str
    colour: str | None
    mate: int


class Gold:
    """Published gold, open for reading."""

    def __init__(self, con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
        self._con = con
        self._settings = settings

    def ask(self, sql: str, *values: object) -> list[Row]:
        """The rows of a query."""
        answer = self._con.execute(sql, values)
        names = [column[0] for column in answer.description or ()]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    # Which pages there are

    @cached_property
    def sessions(self) -> list[Session]:
        """Sessions that took place and are in gold, and those that were called off; in date order."""
        rows = self.ask("""
            select s.*, m.grand_prix_slug
            from dim_sessions as s
            left join dim_meetings as m using (meeting_key)
            where s.date_start is not null and s.session_category <> 'Other' and (
                s.is_cancelled
                or s.session_key in (select session_key from fact_results)
                or s.session_key in (select session_key from fact_laps)
            )
        """)
        return sorted(
            Session(
                date_start=row["date_start"],
                key=row["session_key"],
                season=row["season"],
                round_number=row["round_number"],
                meeting_key=row["meeting_key"],
                title=row["meeting_name"],
                name=row["session_name"],
                category=row["session_category"],
                circuit=row["circuit_short_name"] or "",
                country=row["country_name"] or "",
                slug=slug(row["grand_prix_slug"] or ""),
                is_cancelled=row["is_cancelled"],
                winner_driver_number=row["winner_driver_number"],
            )
            for row in rows
        )

    @cached_property
    def seasons(self) -> list[int]:
        """The seasons of these sessions, newest first."""
        return sorted({one.season for one in self.sessions}, reverse=True)

    def fingerprints(self) -> dict[int, str]:
        """Session key → a hash of everything in gold that its page is made from."""
        parts: dict[int, list[str]] = {}
        people = f"({_PEOPLE})"
        changes = "(select cast(entity_id as integer) as session_key, * from source_changes where entity = 'session')"
        meetings = (
            "(select s.session_key, m.* from dim_sessions as s join dim_meetings as m using (meeting_key))"
        )
        for source in (*FEEDS, people, changes, meetings):
            # A sum and not an exclusive or, in which equal rows would cancel each other out.
            for row in self.ask(
                f"select session_key, count(*) || '-' || sum(hash(t)::hugeint) as digest from {source} as t group by 1"
            ):
                parts.setdefault(row["session_key"], []).append(f"{source}:{row['digest']}")
        for key, built_from in self.telemetry_sessions.items():
            parts.setdefault(key, []).append(f"telemetry:{built_from}")
        return {key: _digest(*parts.get(key, ())) for key in (one.key for one in self.sessions)}

    def season_fingerprint(self, season: int) -> str:
        """A hash of what the season's page is made from besides its sessions."""
        parts = []
        for table in SEASON_FEEDS:
            [row] = self.ask(
                f"select count(*) || '-' || sum(hash(t)::hugeint) as digest from {table} as t where season = ?",
                season,
            )
            parts.append(f"{table}:{row['digest']}")
        return _digest(*parts)

    # A session

    def drivers(self, session: Session) -> dict[int, Driver]:
        """Car number → who drove it, in the order of the numbers."""
        found: dict[int, Driver] = {}
        mates: dict[str, int] = {}
        labels: set[str] = set()
        for row in self.ask(f"{_PEOPLE} where seen.session_key = ? order by seen.driver_number", session.key):
            number, team = row["driver_number"], row["team_id"]
            label = row["name_acronym"] or f"#{number}"
            if label in labels:
                label = f"{label} {number}"
            labels.add(label)
            mates[team] = mates.get(team, -1) + 1
            name = row["full_name"] or f"Car {number}"
            found[number] = Driver(
                number, label, name, team, row["team_name"], row["team_colour"], mates[team]
            )
        return found

    def results(self, session: Session) -> list[Row]:
        """The official classification, unclassified drivers last, who drove furthest first."""
        return self.ask(
            "select * from fact_results where session_key = ? "
            "order by position nulls last, number_of_laps desc nulls last, driver_number",
            session.key,
        )

    def leaderboard(self, session: Session) -> list[Row]:
        """Drivers by their fastest valid lap."""
        return self.ask(
            "select * from session_leaderboard where session_key = ? order by position", session.key
        )

    def laps(self, session: Session) -> list[Row]:
        """Every lap of the session, driver by driver."""
        return self.ask(
            "select * from fact_laps where session_key = ? order by driver_number, lap_number", session.key
        )

    def stints(self, session: Session) -> list[Row]:
        """Stints that have laps, driver by driver."""
        return self.ask(
            "select * from fact_stints where session_key = ? and stint_laps > 0 order by driver_number, stint_number",
            session.key,
        )

    def pit_stops(self, session: Session) -> list[Row]:
        """Trips through the pit lane, in the order of the laps."""
        return self.ask(
            "select * from fact_pit_stops where session_key = ? order by lap_number, date nulls last, driver_number",
            session.key,
        )

    def summaries(self, session: Session) -> list[Row]:
        """Bests of each driver, the fastest first."""
        return self.ask(
            "select * from driver_session_summary where session_key = ? "
            "order by fastest_lap_time nulls last, driver_number",
            session.key,
        )

    def pace(self, session: Session) -> list[Row]:
        """Race pace, best first."""
        return self.ask(
            "select * from race_pace where session_key = ? and clean_laps > 0 order by median_pace_s, driver_number",
            session.key,
        )

    def weather(self, session: Session) -> list[Row]:
        """Measurements of the weather, in the order of time."""
        return self.ask("select * from fact_weather where session_key = ? order by date", session.key)

    def race_control(self, session: Session) -> list[Row]:
        """Messages of race control, in the order of time."""
        return self.ask(
            "select * from fact_race_control where session_key = ? order by date nulls last, race_control_key",
            session.key,
        )

    def corrections(self, session: Session) -> list[Row]:
        """What the source changed in the result after it was first pulled, in the order in which it was seen."""
        return self.ask(
            "select * from result_revisions where session_key = ? and revision > 1 "
            "order by revised_at, driver_number, revision",
            session.key,
        )

    def calendar_changes(self, session: Session) -> list[Row]:
        """What the source changed in its description of the session."""
        return self.ask(
            "select * from source_changes where entity = 'session' and entity_id = ? order by changed_at, attribute",
            str(session.key),
        )

    # A season

    def calendar(self, season: int) -> list[Row]:
        """Meetings of a season in the order of their dates."""
        return self.ask(
            "select * from dim_meetings where season = ? order by date_start, meeting_key", season
        )

    def firsts(self, season: int) -> list[Row]:
        """Who was classified first in each session of a season, with team and time."""
        return self.ask(
            f"""
            select p.*, r.duration_s from ({_PEOPLE}) as p
            join fact_results as r using (session_key, driver_number)
            where r.season = ? and r.position = 1
            """,
            season,
        )

    def progression(self, season: int, championship: str) -> list[Row]:
        """The standings (drivers or teams) after each round, leaders first; with the entrant's name and colour."""
        return self.ask(
            """
            select c.*, coalesce(c.full_name, c.entrant_id) as name, t.team_colour
            from championship_progression as c
            left join dim_team_seasons as t on c.team_id = t.team_id and c.season = t.season
            where c.season = ? and c.championship = ?
            order by c.round_number, c.championship_rank, c.entrant_id
            """,
            season,
            championship,
        )

    def head_to_heads(self, season: int) -> list[Row]:
        """Team mates against each other, with their names."""
        return self.ask(
            """
            select *, coalesce(full_name, driver_id) as name, coalesce(teammate_full_name, teammate_id) as mate_name
            from teammate_head_to_head
            where season = ? order by team_name, driver_id, teammate_id
            """,
            season,
        )

    def team_gaps(self, season: int) -> tuple[list[Row], list[Row]]:
        """Gap of each team's better car to the best of the round, %: in qualifying (of the last phase), in race pace."""
        qualifying = self.ask(
            """
            with best as (
                select s.round_number, r.team_id, min(coalesce(r.q3_s, r.q2_s, r.q1_s)) as lap_s
                from fact_results as r join dim_sessions as s using (session_key)
                where s.season = ? and s.session_category = 'Qualifying' and s.round_number is not null
                group by all
            )
            select round_number, team_id, 100 * (lap_s / min(lap_s) over (partition by round_number) - 1) as gap
            from best where lap_s is not null order by round_number, team_id
            """,
            season,
        )
        race = self.ask(
            """
            select s.round_number, p.team_id, min(p.gap_to_best_percentage) as gap
            from race_pace as p join dim_sessions as s using (session_key)
            where s.season = ? and s.session_category = 'Race' and s.round_number is not null
                and p.gap_to_best_percentage is not null
            group by all order by round_number, team_id
            """,
            season,
        )
        return qualifying, race

    def teams(self, season: int) -> list[Row]:
        """The teams of a season with their name then and their colour."""
        return self.ask(
            """
            select r.team_id, max_by(r.team_name, r.session_key) as team_name, max(t.team_colour) as team_colour
            from fact_results as r left join dim_team_seasons as t using (team_id, season)
            where r.season = ? group by 1 order by 1
            """,
            season,
        )

    # The data itself

    def published(self) -> Row:
        """What is published: from which bronze, when, by which version, and rows by table."""
        [row] = self.ask(
            "select bronze_version, published_at::varchar as published_at, code_version, tables from publication"
        )
        return row

    def quality(self) -> list[Row]:
        """What the newest run measured of each table, the worst first."""
        return self.ask(
            "select * from data_quality_metrics where run_date = (select max(run_date) from data_quality_metrics) "
            "order by pass_rate, table_name, check_type"
        )

    def coverage(self) -> list[Row]:
        """Rows of each session by table."""
        tables = (
            "fact_results",
            "fact_laps",
            "fact_stints",
            "fact_pit_stops",
            "fact_overtakes",
            "fact_race_control",
            "fact_weather",
        )
        counts = ", ".join(f"coalesce({t}.n, 0) as {t}" for t in tables)
        joins = " ".join(
            f"left join (select session_key, count(*) as n from {t} group by 1) as {t} using (session_key)"
            for t in tables
        )
        return self.ask(f"select s.session_key, {counts} from dim_sessions as s {joins}")

    def gaps(self) -> list[Row]:
        """What a session lacks: session_key, what."""
        return self.ask("""
            with driven as (
                select session_key, driver_number, count(*) as laps from fact_laps group by all
            )
            select s.session_key, s.date_start, 'no result' as what
            from dim_sessions as s
            where not s.is_cancelled and s.session_key in (select session_key from fact_laps)
                and s.session_key not in (select session_key from fact_results)
            union all
            select s.session_key, s.date_start, 'a result and no laps'
            from dim_sessions as s
            where s.session_key in (select session_key from fact_results)
                and s.session_key not in (select session_key from fact_laps)
            union all
            select s.session_key, s.date_start,
                sum(r.number_of_laps - coalesce(d.laps, 0)) || ' laps of ' || count(*) || ' drivers missing'
            from fact_results as r
            join dim_sessions as s using (session_key)
            left join driven as d using (session_key, driver_number)
            where s.session_key in (select session_key from fact_laps) and coalesce(d.laps, 0) < r.number_of_laps
            group by all
            union all
            select s.session_key, s.date_start, 'no grid'
            from dim_sessions as s
            where (s.is_race or s.is_sprint and s.session_category = 'Sprint')
                and s.session_key in (select session_key from fact_results)
                and s.session_key not in (select session_key from fact_results where grid_position is not null)
            union all
            select s.session_key, s.date_start, 'no messages of race control: no lap is known to be under a safety car'
            from dim_sessions as s
            where s.session_key in (select session_key from fact_laps)
                and s.session_key not in (select session_key from fact_race_control)
            order by 2 desc, 1, 3
        """)

    @cached_property
    def telemetry_sessions(self) -> dict[int, str]:
        """Sessions that have telemetry, with the hash of what it is made from."""
        return exported_sessions(self._settings, "fact_telemetry")

    @cached_property
    def _telemetry(self) -> str:
        """The view of the published telemetry: opened once, for that costs the more the more sessions it has."""
        from deltalake import DeltaTable

        self._con.register("telemetry", scan(DeltaTable(f"{self._settings.published_tables}/fact_telemetry")))
        return "telemetry"

    def lap_telemetry(self, session: Session, driver: int, lap: int) -> list[Row]:
        """The samples of one lap in the order of time; empty when there are none."""
        if session.key not in self.telemetry_sessions:
            return []
        return self.ask(
            "select lap_elapsed_s, lap_distance_m, speed, throttle, brake, position_x, position_y "
            f"from {self._telemetry} where session_key = ? and driver_number = ? and lap_number = ? order by date",
            session.key,
            driver,
            lap,
        )


@contextmanager
def open_gold(settings: Settings) -> Iterator[Gold]:
    """Published gold, read-only.

    Raises:
        PublishError: the file is not there, is no published gold, or another process writes into it.
    """
    with connect_gold(settings) as con:
        yield Gold(con, settings)


def slug(text: str) -> str:
    """Lower case, everything but letters, digits a single hyphen: what may stand in a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
