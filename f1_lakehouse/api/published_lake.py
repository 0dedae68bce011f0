"""Published gold of one lake, opened read-only for analysis.

Belongs here: which query answers a question about a session. Does not belong here: conversions (result.py), names of sessions
(session_names.py) and drivers (driver_names.py).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any, Self

import duckdb

from f1_lakehouse.api.driver_names import NamedDriver, resolve_driver
from f1_lakehouse.api.errors import LakeError
from f1_lakehouse.api.result import Result
from f1_lakehouse.lake_paths import LakePaths, read_paths
from f1_lakehouse.publishing.calendar import sessions_of_gold
from f1_lakehouse.publishing.delta_tables import TABLES_NEXT_TO_GOLD, add_tables
from f1_lakehouse.publishing.gold_file import connect_gold, gold_schema
from f1_lakehouse.session_names import NamedSession, SessionName, find, name_of, parse, resolve

Parameters = Sequence[object] | Mapping[str, object] | None

FASTEST = "fastest"
"""The lap of `telemetry` that is the driver's fastest valid lap of the session."""

_OF_SESSION = "session_key = $session_key and season = $season"
_ANY_TELEMETRY = f"select 1 from fact_telemetry where {_OF_SESSION}"
_SESSIONS = """
select *, session_key in (select session_key from fact_results union select session_key from fact_laps) as is_loaded
from dim_sessions
"""
_DRIVERS = """
select distinct driver_number, driver_id, name_acronym, full_name, team_name from (
    select session_key, driver_number, driver_id, name_acronym, full_name, team_name from fact_results
    union select session_key, driver_number, driver_id, name_acronym, full_name, team_name from fact_laps)
where session_key = $session_key order by driver_number
"""


class PublishedLake:
    """A lake for analysis: tables by the names of sessions and drivers. Made by `f1_lakehouse.open()`; read-only.

    A session is named as in `f1 load`: the year, the Grand Prix, country, place or circuit (or the round as a number), and the kind:
    "R", "Q", "S", "SQ", "FP1" to "FP3", or the words. A driver is named by number, acronym, last or full name.

    When new gold is published, the next query reads it. Errors are `F1LakehouseError`, one line with the cause and the cure.
    """

    def __init__(self, paths: LakePaths) -> None:
        self._paths = paths
        self._con: duckdb.DuckDBPyConnection | None = None
        self._file: tuple[int, int, int] | None = None
        self._calendar: list[NamedSession] | None = None

    @classmethod
    def open(cls, root: str | PathLike[str] | None = None) -> Self:
        """Open published gold of the lake at `root`, or of the lake that the environment names (`F1_LAKEHOUSE_ROOT`).

        Raises:
            LakeError: nothing is published there.
            SettingsError: an environment variable is malformed.
            PublishError: the file cannot be read.
        """
        given = Path(root) if root is not None else None
        paths: LakePaths | None = read_paths(given)
        if paths is None:
            from f1_lakehouse.settings import load_settings

            paths = load_settings(given)
        lake = cls(paths)
        lake._connection()
        return lake

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<f1_lakehouse: {self.root}>"

    @property
    def root(self) -> Path:
        """The folder of the lake."""
        return self._paths.root

    def close(self) -> None:
        """Close the connection; the next query opens it again."""
        if self._con is not None:
            self._con.close()
        self._con = self._file = self._calendar = None

    # Sessions

    def sessions(self, year: int | None = None, name: str = "") -> Result:
        """Return the sessions of the calendar (`dim_sessions`), of a season, or those with these words: `sessions(2024, "monaco")`.

        The column `is_loaded` tells whether the lake has results or laps of the session.

        Raises:
            SessionNameError: no session has this name.
        """
        if not name:
            return self.sql(
                f"{_SESSIONS} where season = coalesce($season, season) order by date_start", {"season": year}
            )
        keys = [one.key for one in find(self._named(), _name(year, name))]
        return self.sql(
            f"{_SESSIONS} where session_key in (select unnest($keys)) order by date_start", {"keys": keys}
        )

    def session(self, year: int, name: str | int, kind: str = "R") -> NamedSession:
        """Return the session with a name: its key, start, meeting, location and round.

        Raises:
            AmbiguousSessionError: several sessions have this name.
            SessionNameError: none has it; the message has the nearest names.
        """
        known = self._named()
        if not any(one.season == year for one in known):
            raise LakeError(
                f"this lake has no session of {year}; load one: f1 load {year} {name if isinstance(name, str) else f'round {name}'} {kind}"
            )
        return resolve(known, _name(year, name, kind))

    # Tables of a session

    def results(self, year: int, name: str | int, kind: str = "R") -> Result:
        """Return the official result of a session: one row per driver, in the order of the classification (`fact_results`)."""
        return self._of_session("fact_results", year, name, kind, order="position nulls last, driver_number")

    def laps(self, year: int, name: str | int, kind: str = "R", driver: str | int | None = None) -> Result:
        """Return the laps of a session, or of one driver in it: one row per driver and lap (`fact_laps`)."""
        return self._of_session("fact_laps", year, name, kind, driver, order="driver_number, lap_number")

    def stints(self, year: int, name: str | int, kind: str = "R", driver: str | int | None = None) -> Result:
        """Return the stints of a session, with compound, pace and degradation (`fact_stints`)."""
        return self._of_session("fact_stints", year, name, kind, driver, order="driver_number, stint_number")

    def pit_stops(
        self, year: int, name: str | int, kind: str = "R", driver: str | int | None = None
    ) -> Result:
        """Return the pit stops of a session (`fact_pit_stops`)."""
        return self._of_session("fact_pit_stops", year, name, kind, driver, order="driver_number, lap_number")

    def weather(self, year: int, name: str | int, kind: str = "R") -> Result:
        """Return the weather measurements of a session, about one per minute (`fact_weather`)."""
        return self._of_session("fact_weather", year, name, kind, order="date")

    def race_control(self, year: int, name: str | int, kind: str = "R") -> Result:
        """Return the messages of race control: flags, safety cars, penalties (`fact_race_control`)."""
        return self._of_session("fact_race_control", year, name, kind, order="date")

    def drivers(self, year: int | None = None, name: str | int | None = None, kind: str = "R") -> Result:
        """Return the drivers of a session with number and team, or without arguments all drivers of the lake (`dim_drivers`).

        Raises:
            LakeError: a year is given without the name of a session.
        """
        if year is None or name is None:
            if year is not None:
                raise LakeError("drivers() needs a session too, for example drivers(2024, 'monaco', 'R')")
            return self.sql("select * from dim_drivers order by full_name, valid_from")
        session = self._loaded(year, name, kind)
        return self.sql(_DRIVERS, {"session_key": session.key})

    def telemetry(
        self,
        year: int,
        name: str | int,
        kind: str = "R",
        driver: str | int | None = None,
        lap: int | str | None = None,
    ) -> Result:
        """Return samples of a car at about 3.7 Hz: speed, throttle, brake, gear, location, time and distance in the lap.

        Args:
            year: season of the session.
            name: of the meeting, or its round.
            kind: of the session.
            driver: only this one; a race has about 36,000 samples per driver.
            lap: only this lap of the driver: a number, or "fastest" for the fastest valid lap.

        Raises:
            LakeError: the lake has no telemetry of the session, or the driver has no such lap.
        """
        session = self._loaded(year, name, kind)
        parameters: dict[str, object] = {"session_key": session.key, "season": session.season}
        conditions = _OF_SESSION
        if driver is not None:
            parameters["driver_number"] = self._driver(session, driver).number
            conditions += " and driver_number = $driver_number"
        if lap is not None:
            if driver is None:
                raise LakeError("telemetry of a lap needs a driver too, for example driver='NOR', lap=12")
            parameters["lap_number"] = self._lap(session, parameters["driver_number"], lap)
            conditions += " and lap_number = $lap_number"
        found = None
        if "fact_telemetry" in add_tables(self._connection(), self._paths, "fact_telemetry"):
            query = f"select * from fact_telemetry where {conditions} order by driver_number, date"
            found = self.sql(query, parameters)
            if found:
                return found
        of_session = {name: parameters[name] for name in ("session_key", "season")}
        if found is not None and self.sql(f"{_ANY_TELEMETRY} limit 1", of_session).rows():
            what = f"lap {lap} of {driver!r}" if lap is not None else repr(driver)
            raise LakeError(f"{session.title}: there are no samples of {what}")
        raise LakeError(
            f"the lake has no telemetry of {session.title}; load it: f1 load {self._typed(session)}"
        )

    # Careers

    def career(self, driver: str) -> Result:
        """Return a driver's career since 1950 in one row: wins, poles, podiums, points, titles (`career_summary`).

        Raises:
            LakeError: the lake has no history, or no such driver.
        """
        if "career_summary" not in self._table_names():
            raise LakeError(
                "this lake has no table career_summary; load the history: "
                f"f1 load --season 1950-{datetime.now(UTC).year} --source jolpica, then f1 transform"
            )
        known = self.sql(
            "select driver_id, entrant_name from career_summary where entrant_type = 'driver' and driver_id is not null"
        )
        named = [NamedDriver(row["driver_id"], row["entrant_name"] or "") for row in known.rows()]
        found = resolve_driver(named, driver, "career_summary")
        return self.sql(
            "select * from career_summary where driver_id = $driver_id", {"driver_id": found.driver_id}
        )

    # SQL

    def sql(self, query: str, params: Parameters = None) -> Result:
        """Return the result of a query on gold, `fact_telemetry` and the logs; table names need no schema.

        `params`: values for `?` or `$1` (a sequence), or for `$name` (a mapping).

        Raises:
            LakeError: the query is wrong.
        """
        values: Any = dict(params) if isinstance(params, Mapping) else list(params) if params else None

        def relation() -> duckdb.DuckDBPyRelation:
            con = self._connection()
            add_tables(con, self._paths, query)
            found = con.sql(query, params=values)
            if found is None:
                raise LakeError("the query returns no rows; published gold is read-only")
            return found

        try:
            return Result(relation)
        except duckdb.Error as error:
            message = " ".join(str(error).split("\n\nLINE")[0].split())
            raise LakeError(f"{message} (lake.tables() lists the tables)") from None

    def tables(self) -> Result:
        """Return the tables with their number of rows and description."""
        con = self._connection()
        query = (
            "select table_name, estimated_size as rows, comment as description from duckdb_tables() "
            f"where database_name = 'gold' and schema_name = '{gold_schema(con)}' "
            "union all select unnest($names), null, unnest($descriptions) order by 1"
        )
        return self.sql(
            query, {"names": list(TABLES_NEXT_TO_GOLD), "descriptions": list(TABLES_NEXT_TO_GOLD.values())}
        )

    # The connection

    def _connection(self) -> duckdb.DuckDBPyConnection:
        """The connection to what is published now: opened again after a publication, which replaces the file."""
        try:
            stat = self._paths.gold.stat()
        except FileNotFoundError:
            raise LakeError(
                f"nothing is published yet at {self.root}; run f1 load, or name another folder: open('…/local_data')"
            ) from None
        current = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if self._con is None or current != self._file:
            # First closed: DuckDB returns the open file to a second connection, even if it has been replaced.
            self.close()
            self._con, self._file = connect_gold(self._paths), current
        return self._con

    def _named(self) -> list[NamedSession]:
        con = self._connection()
        if self._calendar is None:
            self._calendar = sessions_of_gold(con)
        return self._calendar

    def _table_names(self) -> set[str]:
        return {row["table_name"] for row in self.tables().rows()}

    def _of_session(
        self,
        table: str,
        year: int,
        name: str | int,
        kind: str,
        driver: str | int | None = None,
        *,
        order: str,
    ) -> Result:
        """The rows of a table for a session, and of a driver in it."""
        session = self._loaded(year, name, kind)
        parameters: dict[str, object] = {"session_key": session.key}
        condition = "session_key = $session_key"
        if driver is not None:
            parameters["driver_number"] = self._driver(session, driver).number
            condition += " and driver_number = $driver_number"
        return self.sql(f"select * from {table} where {condition} order by {order}", parameters)

    def _loaded(self, year: int, name: str | int, kind: str) -> NamedSession:
        """The session with a name. Raises LakeError if gold has neither its results nor its laps."""
        session = self.session(year, name, kind)
        if not self.sql(_DRIVERS, {"session_key": session.key}).rows():
            raise LakeError(f"{session.title} is not loaded; run f1 load {self._typed(session)}")
        return session

    def _typed(self, session: NamedSession) -> str:
        return name_of(session, self._named()) or f"--session {session.key}"

    def _driver(self, session: NamedSession, asked: str | int) -> NamedDriver:
        rows = self.sql(_DRIVERS, {"session_key": session.key}).rows()
        named = [
            NamedDriver(
                row["driver_id"] or str(row["driver_number"]),
                row["full_name"] or "",
                row["name_acronym"] or "",
                row["driver_number"],
            )
            for row in rows
        ]
        return resolve_driver(named, asked, session.title)

    def _lap(self, session: NamedSession, driver_number: object, lap: int | str) -> int:
        """The number of a lap."""
        if lap != FASTEST:
            if not str(lap).isdigit():
                raise LakeError(f"lap={lap!r}: a lap is a number, or {FASTEST!r}")
            return int(lap)
        query = (
            "select lap_number from fact_laps where session_key = $session_key and driver_number = $driver_number "
            "and is_valid_lap and lap_duration is not null order by lap_duration, lap_number limit 1"
        )
        found = self.sql(query, {"session_key": session.key, "driver_number": driver_number}).rows()
        if not found:
            raise LakeError(f"{session.title}: car {driver_number} has no valid lap")
        return int(found[0]["lap_number"])


def _name(year: int | None, name: str | int, kind: str = "") -> SessionName:
    """The name of a session from the arguments of a method; a number is a round."""
    meeting = f"round {name}" if isinstance(name, int) else name
    return parse(" ".join(filter(None, (str(year or ""), meeting, kind))))
