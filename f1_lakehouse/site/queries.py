"""Queries of the pages on published gold: rows as dicts of Python values.

Belongs here: SELECT statements on the rows of one session or season, of the forecasts and about the data. Does not belong here:
samples of telemetry (samples.py), rows that pages of several seasons share (history.py), calculations (a mart of gold), the content of a page (`sections`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import duckdb

from f1_lakehouse.publishing.delta_export import exported_sessions
from f1_lakehouse.publishing.gold_file import connect_gold
from f1_lakehouse.settings import Settings
from f1_lakehouse.site.model import Driver, Neighbours, Session, neighbours, slug
from f1_lakehouse.storage.delta import scan

Row = dict[str, Any]

DRIVERS_SQL = """
    select seen.session_key, seen.driver_number, seen.team_id, seen.team_name, names.name_acronym, names.full_name,
        teams.team_colour, people.driver_id as driver_page, constructors.constructor_id as constructor_page
    from (
        select session_key, driver_number, driver_id, constructor_id, team_id, team_name from fact_results
        union all
        select session_key, driver_number, driver_id, constructor_id, team_id, team_name from driver_session_summary
        anti join fact_results using (session_key, driver_number)
    ) as seen
    join dim_sessions as sessions using (session_key)
    left join dim_team_seasons as teams on seen.team_id = teams.team_id and sessions.season = teams.season
    left join dim_drivers as names
        on names.driver_id = seen.driver_id and sessions.date_start >= names.valid_from
        and (names.valid_to is null or sessions.date_start < names.valid_to)
    left join (
        select p.driver_id from dim_people as p join career_summary as c on c.entrant_type = 'driver' and c.entrant_id = p.driver_id
    ) as people on seen.driver_id = people.driver_id
    left join (
        select k.constructor_id from dim_constructors as k
        join career_summary as c on c.entrant_type = 'constructor' and c.entrant_id = k.constructor_id
    ) as constructors on seen.constructor_id = constructors.constructor_id
"""
"""The cars of each session. `driver_page` and `constructor_page` are null for those who have no page: they had no race yet."""

CIRCUIT_PAGES_SQL = """
    select sessions.session_key, circuits.circuit_id
    from dim_sessions as sessions join dim_circuits as circuits using (circuit_key)
    where circuits.circuit_id in (select circuit_id from fact_race_results)
"""
"""The circuit of each session, if it has a page."""


class Gold:
    """Published gold, open for reading."""

    def __init__(self, con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
        self._con = con
        self._settings = settings

    def select(self, sql: str, *values: object) -> list[Row]:
        """The rows of a query."""
        answer = self._con.execute(sql, values)
        names = [column[0] for column in answer.description or ()]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    # Which pages there are

    @cached_property
    def sessions(self) -> list[Session]:
        """Sessions that took place and are in gold, and cancelled sessions; in date order."""
        rows = self.select("""
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
    def neighbours(self) -> dict[int, Neighbours]:
        """Session key → the sessions of the same kind before and after it."""
        return neighbours(self.sessions)

    @cached_property
    def seasons(self) -> list[int]:
        """The seasons of these sessions, newest first."""
        return sorted({one.season for one in self.sessions}, reverse=True)

    # A session

    def drivers(self, session: Session) -> dict[int, Driver]:
        """Car number → its driver, in the order of the numbers."""
        found: dict[int, Driver] = {}
        mates: dict[str, int] = {}
        labels: set[str] = set()
        for row in self.select(
            f"{DRIVERS_SQL} where seen.session_key = ? order by seen.driver_number", session.key
        ):
            number, team = row["driver_number"], row["team_id"]
            label = row["name_acronym"] or f"#{number}"
            if label in labels:
                label = f"{label} {number}"
            labels.add(label)
            mates[team] = mates.get(team, -1) + 1
            name = row["full_name"] or f"Car {number}"
            pages = (row["driver_page"], row["constructor_page"])
            found[number] = Driver(
                number, label, name, team, row["team_name"], row["team_colour"], mates[team], *pages
            )
        return found

    def circuit_page(self, session: Session) -> str | None:
        """The identifier of the session's circuit if it has a page."""
        rows = self.select(f"{CIRCUIT_PAGES_SQL} and sessions.session_key = ?", session.key)
        return rows[0]["circuit_id"] if rows else None

    def results(self, session: Session) -> list[Row]:
        """The official classification, unclassified drivers last, in the order of their laps."""
        return self.select(
            "select * from fact_results where session_key = ? "
            "order by position nulls last, number_of_laps desc nulls last, driver_number",
            session.key,
        )

    def leaderboard(self, session: Session) -> list[Row]:
        """Drivers by their fastest valid lap."""
        return self.select(
            "select * from session_leaderboard where session_key = ? order by position", session.key
        )

    def laps(self, session: Session) -> list[Row]:
        """Every lap of the session, driver by driver."""
        return self.select(
            "select * from fact_laps where session_key = ? order by driver_number, lap_number", session.key
        )

    def steady_pace_gaps(self, session: Session) -> list[Row]:
        """Gap of each car to a car with a constant lap time at the end of each lap, driver by driver."""
        return self.select(
            "select * from steady_pace_gaps where session_key = ? order by driver_number, lap_number",
            session.key,
        )

    def stints(self, session: Session) -> list[Row]:
        """Stints that have laps, driver by driver."""
        return self.select(
            "select * from fact_stints where session_key = ? and stint_laps > 0 order by driver_number, stint_number",
            session.key,
        )

    def pit_stops(self, session: Session) -> list[Row]:
        """Trips through the pit lane, in the order of the laps."""
        return self.select(
            "select * from fact_pit_stops where session_key = ? order by lap_number, date nulls last, driver_number",
            session.key,
        )

    def summaries(self, session: Session) -> list[Row]:
        """Bests of each driver, the fastest first."""
        return self.select(
            "select * from driver_session_summary where session_key = ? "
            "order by fastest_lap_time nulls last, driver_number",
            session.key,
        )

    def race_effects(self, session: Session) -> Row | None:
        """What slowed and sped up the field in a race; None if it is not known."""
        rows = self.select("select * from race_effects where session_key = ?", session.key)
        return rows[0] if rows else None

    def pace(self, session: Session) -> list[Row]:
        """Race pace, best first."""
        return self.select(
            "select * from race_pace where session_key = ? and clean_laps > 0 order by median_pace_s, driver_number",
            session.key,
        )

    def weather(self, session: Session) -> list[Row]:
        """Measurements of the weather, in the order of time."""
        return self.select("select * from fact_weather where session_key = ? order by date", session.key)

    def race_control(self, session: Session) -> list[Row]:
        """Messages of race control, in the order of time."""
        return self.select(
            "select * from fact_race_control where session_key = ? order by date nulls last, race_control_key",
            session.key,
        )

    def corrections(self, session: Session) -> list[Row]:
        """What the source changed in the result after it was first pulled, in the order in which it was seen."""
        return self.select(
            "select * from result_revisions where session_key = ? and revision > 1 "
            "order by revised_at, driver_number, revision",
            session.key,
        )

    def calendar_changes(self, session: Session) -> list[Row]:
        """What the source changed in its description of the session."""
        return self.select(
            "select * from source_changes where entity = 'session' and entity_id = ? order by changed_at, attribute",
            str(session.key),
        )

    # A season

    def calendar(self, season: int) -> list[Row]:
        """Meetings of a season in the order of their dates."""
        return self.select(
            "select * from dim_meetings where season = ? order by date_start, meeting_key", season
        )

    def progression(self, season: int, championship: str) -> list[Row]:
        """The standings (drivers or teams) after each round, leaders first; with the entrant's name."""
        return self.select(
            """
            select c.*, coalesce(c.full_name, c.entrant_id) as name, p.family_name
            from championship_progression as c
            left join dim_people as p on c.driver_id = p.driver_id
            where c.season = ? and c.championship = ?
            order by c.round_number, c.championship_rank nulls last, c.points desc, c.entrant_id
            """,
            season,
            championship,
        )

    def head_to_heads(self, season: int) -> list[Row]:
        """Team mates against each other, with their names."""
        return self.select(
            """
            select *, coalesce(full_name, driver_id) as name, coalesce(teammate_full_name, teammate_id) as mate_name
            from teammate_head_to_head
            where season = ? order by team_name, driver_id, teammate_id
            """,
            season,
        )

    def team_mates(self, season: int, min_races: int) -> list[Row]:
        """Team mates of any season against each other, with their names; pairs with this many common races."""
        return self.select(
            """
            select *, coalesce(full_name, driver_id) as name, coalesce(teammate_full_name, teammate_id) as mate_name
            from teammate_history
            where season = ? and races >= ? order by constructor_name, driver_id, teammate_id
            """,
            season,
            min_races,
        )

    def team_round_pace(self, season: int) -> list[Row]:
        """Gap of each team's faster car to the best of the round, %, in qualifying and in the race."""
        return self.select(
            "select * from team_round_pace where season = ? order by round_number, team_id", season
        )

    def teams(self, season: int) -> list[Row]:
        """The teams of a season with their name in that season."""
        return self.select(
            "select team_id, max_by(team_name, session_key) as team_name from fact_results "
            "where season = ? group by 1 order by 1",
            season,
        )

    # Forecasts, which only a lake whose models were trained has

    @cached_property
    def has_forecasts(self) -> bool:
        """Whether the tables of forecasts are published."""
        [row] = self.select(
            "select count(*) as n from duckdb_tables() where database_name = 'gold' and table_name in "
            "('pit_wall', 'strategy_scorecard', 'strategy_calibration')"
        )
        return bool(row["n"] == 3)

    def pit_wall(self, session: Session) -> list[Row]:
        """The pit wall of each driver, lap by lap; empty without forecasts."""
        if not self.has_forecasts:
            return []
        return self.select(
            "select * from pit_wall where session_key = ? order by driver_number, lap_number", session.key
        )

    def scorecard(self) -> list[Row]:
        """What each forecast was worth, by season and over all."""
        return self.select("from strategy_scorecard") if self.has_forecasts else []

    def calibration(self) -> list[Row]:
        """How often chances came true."""
        return (
            self.select("from strategy_calibration order by claim, season, bin") if self.has_forecasts else []
        )

    # The data itself

    def published(self) -> Row:
        """What is published: bronze version, time, code version, and rows by table."""
        [row] = self.select(
            "select bronze_version, published_at::varchar as published_at, code_version, tables from publication"
        )
        return row

    def quality(self) -> list[Row]:
        """Data quality measurements of the newest run, the lowest pass rate first."""
        return self.select(
            "select * from data_quality_metrics where run_date = (select max(run_date) from data_quality_metrics) "
            "order by pass_rate, table_name, check_type"
        )

    def coverage(self) -> list[Row]:
        """Rows of each session by table and what is missing of it, the newest session first."""
        return self.select("select * from session_coverage order by date_start desc nulls last, session_key")

    def corners(self, session: Session) -> list[Row]:
        """The corners of the session's circuit in the order of a lap; empty without a map of it."""
        return self.select(
            "select c.* from circuit_corners as c join dim_sessions as s using (season, circuit_key) where s.session_key = ? "
            "order by c.corner_number, c.corner_letter nulls first",
            session.key,
        )

    @cached_property
    def telemetry_sessions(self) -> dict[int, str]:
        """Sessions that have telemetry, with the hash of what it is made from."""
        return exported_sessions(self._settings, "fact_telemetry")

    @cached_property
    def telemetry(self) -> str:
        """The view of the published telemetry: opened once, because the cost grows with the number of sessions."""
        from deltalake import DeltaTable

        self._con.register("telemetry", scan(DeltaTable(f"{self._settings.published_tables}/fact_telemetry")))
        return "telemetry"


@contextmanager
def open_gold(settings: Settings) -> Iterator[Gold]:
    """Published gold, read-only.

    Raises:
        PublishError: the file is missing, is not published gold, or another process writes into it.
    """
    with connect_gold(settings) as con:
        yield Gold(con, settings)
