"""Rows of all seasons since 1950, as the pages of seasons, drivers, constructors and circuits read them.

Belongs here: SELECT statements on the tables of all seasons, and their rows by driver, constructor, circuit or season. Does not belong
here: calculations (a mart of gold), other rows of one session or season (queries.py), addresses of pages (links.py).

Each table is read once for all pages: one query per page and table would take longer than all of the rendering. For a few pages only
their rows are read (`expect`): most new data changes forty pages of a thousand.
"""

from collections.abc import Collection, Sequence
from functools import cached_property

from f1_lakehouse.site.queries import Gold, Row

ENTRANTS = {"driver": "driver_id", "constructor": "constructor_id"}
"""Type of an entrant in gold → the column of the facts that has its identifier."""

RESULT_COLUMNS = (
    "season, round_number, session_category, race_name, race_date, circuit_id, session_key, driver_id, "
    "coalesce(full_name, driver_id) as full_name, constructor_id, coalesce(constructor_name, constructor_id) as constructor_name, "
    "team_id, position, position_text, status_text, points, grid_position, started_from_pit_lane, laps, race_time_s, "
    "gap_to_leader_s, fastest_lap_rank, position_source, points_source, grid_source, laps_source, time_source, fastest_lap_source"
)

RESULTS = (
    f"select {RESULT_COLUMNS} from fact_race_results {{where}} "
    "order by season, round_number, session_category, position_order nulls last, full_name"
)
"""Results of all races and sprints, in the order of the races and of the classification."""

FIRSTS = RESULTS.replace("fact_race_results", "(from fact_race_results where position = 1)")
"""Those of the winners; a victory in a shared car has one row per driver."""

POLES = (
    "select season, round_number, race_name, circuit_id, session_key, driver_id, "
    "coalesce(full_name, driver_id) as full_name, constructor_id, coalesce(constructor_name, constructor_id) "
    "as constructor_name, team_id, coalesce(q3_s, q2_s, q1_s) as time_s "
    "from (from fact_qualifying where is_pole) {where} order by season, round_number"
)
"""The pole position of each race, in the order of the races."""

PAGE_COLUMNS = {
    "seasons": ("season",),
    "drivers": ("driver_id", "entrant_id"),
    "constructors": ("constructor_id", "entrant_id"),
    "circuits": ("circuit_id",),
}
"""Family of pages → the columns that name the page in its rows."""

EXPECTED_AT_MOST = 200
"""With more pages of one kind, the rows of all of them are read."""

Rows = Sequence[Row]


class History:
    """The rows of published gold that several pages of history share."""

    def __init__(self, gold: Gold) -> None:
        self.gold = gold
        self._groups: dict[tuple[str, ...], dict[tuple[object, ...], list[Row]]] = {}
        self._read: dict[tuple[str, ...], set[object] | None] = {}
        self._expected: dict[str, set[object]] = {}

    def expect(self, family: str, identifiers: Collection[object]) -> None:
        """Read only the rows of the pages that are made next, unless there are many. Other rows are read when they are asked for.

        Args:
            family: the kind of these pages.
            identifiers: the season, driver, constructor or circuit of each; None for a page that is of none.
        """
        few = set(identifiers) - {None}
        columns = PAGE_COLUMNS.get(family, ()) if len(few) <= EXPECTED_AT_MOST else ()
        self._expected = dict.fromkeys(columns, few)

    # Dimensions

    @cached_property
    def races(self) -> dict[tuple[int, int], Row]:
        """(season, round) → the race, also a future one."""
        rows = self.gold.select("select * from dim_races order by season, round_number")
        return {(row["season"], row["round_number"]): row for row in rows}

    @cached_property
    def people(self) -> dict[str, Row]:
        """driver_id → the person."""
        return {row["driver_id"]: row for row in self.gold.select("select * from dim_people")}

    @cached_property
    def constructors(self) -> dict[str, Row]:
        """constructor_id → the constructor."""
        return {row["constructor_id"]: row for row in self.gold.select("select * from dim_constructors")}

    @cached_property
    def circuits(self) -> dict[str, Row]:
        """circuit_id → the circuit, those with the most races first."""
        rows = self.gold.select(
            "select * from dim_circuits where circuit_id is not null order by races_count desc, circuit_id"
        )
        return {row["circuit_id"]: row for row in rows}

    # Results

    @cached_property
    def races_held(self) -> Rows:
        """The races and sprints with results, in their order."""
        return self.gold.select(
            "select distinct season, round_number, session_category, session_key, race_name from fact_race_results "
            "order by season, round_number, session_category, session_key"
        )

    def results_of(self, **values: object) -> Rows:
        """The results whose columns have these values."""
        return self._select(RESULTS, **values)

    def winners_of(self, **values: object) -> Rows:
        """The results of winners of races and sprints whose columns have these values."""
        return self._select(FIRSTS, **values)

    def wins_of(self, **values: object) -> Rows:
        """The victories in Grands Prix whose columns have these values."""
        return self._select(FIRSTS, session_category="Race", **values)

    def poles_of(self, **values: object) -> Rows:
        """The pole positions whose columns have these values."""
        return self._select(POLES, **values)

    # Which pages there are

    @cached_property
    def pages(self) -> dict[str, set[str]]:
        """Folder of pages → the identifiers that have one: who took part in a race, and where one was held."""
        held = "select distinct circuit_id from fact_race_results where circuit_id is not null"
        return {
            "drivers": {one for one in self.careers["driver"] if one in self.people},
            "constructors": {one for one in self.careers["constructor"] if one in self.constructors},
            "circuits": {row["circuit_id"] for row in self.gold.select(held)} & self.circuits.keys(),
        }

    def order(self, folder: str, identifier: str) -> int:
        """How many races someone started, or a circuit held: the pages of a kind in the order of what they show."""
        if folder == "circuits":
            return int(self.circuits[identifier]["races_count"])
        return int(self.careers[folder.removesuffix("s")][identifier]["starts"])

    @cached_property
    def page_seasons(self) -> list[int]:
        """Seasons that have a page, newest first: those with a result or a session."""
        rows = self.gold.select("select distinct season from fact_race_results")
        return sorted({row["season"] for row in rows} | set(self.gold.seasons), reverse=True)

    @cached_property
    def session_pages(self) -> dict[int | None, str]:
        """Session key → the address of the session's page."""
        return {one.key: one.page for one in self.gold.sessions}

    # Marts

    @cached_property
    def careers(self) -> dict[str, dict[str, Row]]:
        """Type of entrant → identifier → career, those with the most starts first."""
        found: dict[str, dict[str, Row]] = {kind: {} for kind in ENTRANTS}
        for row in self.gold.select(
            "select * from career_summary order by starts desc, entries desc, entrant_name, entrant_id"
        ):
            found[row["entrant_type"]][row["entrant_id"]] = row
        return found

    def season_rows(self, entrant_type: str, entrant: str) -> Rows:
        """The seasons of a driver or constructor, newest first."""
        return self._select(
            "select * from season_summary {where} order by season desc",
            entrant_type=entrant_type,
            entrant_id=entrant,
        )

    @cached_property
    def champions(self) -> dict[tuple[str, int], Row]:
        """(type of entrant, season) → the champion, once the season has ended."""
        rows = self.gold.select("select * from season_summary where is_champion")
        return {(row["entrant_type"], row["season"]): row for row in rows}

    def drivers_of(self, constructor: str) -> Rows:
        """Drivers of a constructor with what they achieved in its cars, those with the most starts first."""
        return self._select(
            "select * from driver_constructor_summary {where} order by starts desc, first_season, full_name",
            constructor_id=constructor,
        )

    def circuit_rows(self, entrant_type: str, circuit: str) -> Rows:
        """Drivers or constructors with a victory at a circuit, those with the most victories first."""
        return self._select(
            "select * from (from circuit_summary where wins > 0) {where} "
            "order by wins desc, poles desc, podiums desc, entrant_name, entrant_id",
            entrant_type=entrant_type,
            circuit_id=circuit,
        )

    def lap_records(self, circuit: str) -> Rows:
        """The fastest laps of races and of qualifying at a circuit, best first."""
        return self._select(
            "select * from circuit_lap_records {where} order by session_category desc, record_rank, season, driver_id",
            circuit_id=circuit,
        )

    def team_mates(self, driver: str) -> Rows:
        """Comparisons of a driver with each team mate by season, newest first; the driver's numbers come first."""
        return self._select(
            f"from (select {_PAIR} from teammate_history union all by name select {_PAIR_REVERSED} from teammate_history) "
            "{where} order by season desc, constructor_name, mate_name, mate_id",
            driver_id=driver,
        )

    def career_profile(self, driver: str) -> Row | None:
        """The scores of a driver over all seasons; None without laps of races."""
        found = self._select("select * from driver_profiles_career {where}", driver_id=driver)
        return found[0] if found else None

    def profiles(self, driver: str) -> Rows:
        """The scores of a driver by season, newest first."""
        return self._select("select * from driver_profiles {where} order by season desc", driver_id=driver)

    @cached_property
    def records(self) -> Rows:
        """The records, each with its holders."""
        return self.gold.select(
            "select * from records order by entrant_type desc, record, record_rank, from_season, from_round, holder"
        )

    # Sources

    def season_sources(self, season: int) -> Rows:
        """Values of the results of a season by source."""
        return self._select("select * from season_sources {where}", season=season)

    def reconciliation(self, season: int) -> Rows:
        """The values of a season on which the sources differ."""
        return self._select(
            "select * from source_reconciliation {where} "
            "order by season, round_number, session_category, column_name, driver_id, item_number",
            season=season,
        )

    def driver_reconciliation(self, driver: str) -> Rows:
        """The values of a driver on which the sources differ, newest first."""
        return self._select(
            "select * from source_reconciliation {where} "
            "order by season desc, round_number desc, session_category, column_name, item_number",
            driver_id=driver,
        )

    def qualifying_sources(self, **values: object) -> Rows:
        """The sources of positions and times in qualifying, of rows whose columns have these values."""
        return self._select(
            "select season, round_number, 'Qualifying' as session_category, driver_id, position_source, times_source "
            "from fact_qualifying {where}",
            **values,
        )

    def colours(self, season: int) -> dict[str, str]:
        """Team → its color in a season, for teams whose color is known."""
        rows = self._select(
            "select * from (from dim_team_seasons where team_colour is not null) {where} order by team_id",
            season=season,
        )
        return {row["team_id"]: row["team_colour"] for row in rows}

    # How rows are found

    def _select(self, sql: str, **values: object) -> Rows:
        """The rows of a query whose columns have these values.

        The query, which has a place `{where}`, runs once for all values, or once for all that are expected.
        """
        key = (sql, *values)
        groups = self._groups.setdefault(key, {})
        read = self._read.setdefault(key, set())
        column = next((one for one in values if one in self._expected), None)
        if read is not None and (column is None or values[column] not in read):
            if column is None:
                groups.clear()
                self._read[key], missing, where = None, [], ""
            else:
                missing = sorted(({values[column]} | self._expected[column]) - read, key=str)
                read |= set(missing)
                where = f"where {column} in ({', '.join('?' * len(missing))})"
            for row in self.gold.select(sql.format(where=where), *missing):
                groups.setdefault(tuple(row[name] for name in values), []).append(row)
        return groups.get(tuple(values.values()), ())


_COMMON = "season, constructor_id, constructor_name, team_id, races, qualifying_sessions"
_PAIR = (
    f"{_COMMON}, driver_id, teammate_id as mate_id, coalesce(teammate_full_name, teammate_id) as mate_name, qualifying_wins, "
    "teammate_qualifying_wins as mate_qualifying_wins, race_wins, teammate_race_wins as mate_race_wins, points, "
    "teammate_points as mate_points, median_qualifying_gap_s as gap_s"
)
_PAIR_REVERSED = (
    f"{_COMMON}, teammate_id as driver_id, driver_id as mate_id, coalesce(full_name, driver_id) as mate_name, "
    "teammate_qualifying_wins as qualifying_wins, qualifying_wins as mate_qualifying_wins, teammate_race_wins as race_wins, "
    "race_wins as mate_race_wins, teammate_points as points, points as mate_points, -median_qualifying_gap_s as gap_s"
)
"""A row of teammate_history as its driver sees it, and as the team mate does."""
