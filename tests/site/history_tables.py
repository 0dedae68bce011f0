"""Published gold with an old season and one of today, written manually: four drivers, two constructors, two circuits.

1956: a shared victory, a driver with two cars, a driver without points. 2025: a race with a page and a sprint, and a difference
between the sources.
"""

from datetime import date
from typing import Any

from gold_tables import KEYS, START, GoldTables

PEOPLE = {
    "ann": "Ann Alpha",
    "bob": "Bob Bravo",
    "cat": "Çat Charlié",
    "dan": "Dan Delta",
}
CONSTRUCTORS = {"red": "Red Cars", "blue_cars": "Blue"}
CIRCUITS = {"hill": "Hillside", "lake": "Lakeside"}

RACES = (  # season, round, name, circuit, date
    (1956, 1, "Hill Grand Prix", "hill", date(1956, 5, 6)),
    (1956, 2, "Lake Grand Prix", "lake", date(1956, 6, 3)),
    (2025, 1, "Paper Grand Prix", "hill", date(2025, 3, 16)),
)
RESULTS = (  # season, round, category, driver, constructor, car, position, text, points, grid, rank of the fastest lap
    (1956, 1, "Race", "ann", "red", 2, 1, "1", 4.0, 1, None),
    (1956, 1, "Race", "bob", "red", 2, 1, "1", 4.0, 3, None),
    (1956, 1, "Race", "ann", "red", 4, None, "R", 0.0, 2, None),
    (1956, 1, "Race", "dan", "blue_cars", 6, 8, "8", 0.0, 4, None),
    (1956, 2, "Race", "bob", "blue_cars", 8, 1, "1", 8.0, 2, None),
    (1956, 2, "Race", "ann", "red", 2, 2, "2", 6.0, 1, None),
    (1956, 2, "Race", "dan", "blue_cars", 6, None, "D", 0.0, None, None),
    (2025, 1, "Race", "cat", "red", 4, 1, "1", 25.0, 2, 1),
    (2025, 1, "Sprint", "cat", "red", 4, 3, "3", 6.0, 1, None),
)
POLES = ((1956, 1, "ann", "red"), (1956, 2, "ann", "red"), (2025, 1, "cat", "red"))
POINTS = (  # season, round, driver, constructor, points, all points, rank
    (1956, 1, "ann", "red", 4.0, 4.0, 1),
    (1956, 1, "bob", "red", 4.0, 4.0, 1),
    (1956, 1, "dan", "blue_cars", 0.0, 0.0, 3),
    (1956, 2, "bob", "blue_cars", 11.0, 12.0, 1),
    (1956, 2, "ann", "red", 10.0, 10.0, 2),
    (1956, 2, "dan", "blue_cars", 0.0, 0.0, 3),
    (2025, 1, "cat", "red", 31.0, 31.0, 1),
)
SUMMARIES = (  # type, entrant, seasons, starts, wins, poles, podiums, points, rank
    ("driver", "ann", (1956,), 2, 1, 2, 2, 10.0, 2),
    ("driver", "bob", (1956,), 2, 2, 0, 2, 11.0, 1),
    ("driver", "dan", (1956,), 2, 0, 0, 0, 0.0, 3),
    ("driver", "cat", (2025,), 1, 1, 1, 1, 31.0, 1),
    ("constructor", "red", (1956, 2025), 3, 2, 3, 3, 31.0, 1),
    ("constructor", "blue_cars", (1956,), 2, 1, 0, 1, 8.0, None),
)


def add_history(gold: GoldTables) -> None:
    """Add the rows of all tables of history to gold with the weekend of 2025."""
    names = {"full_name": PEOPLE, "constructor_name": CONSTRUCTORS}
    races = {(season, number): rest for season, number, *rest in RACES}

    def of_race(season: int, number: int) -> dict[str, Any]:
        name, circuit, day = races[season, number]
        key = KEYS["race"] if season == 2025 else None
        row = {"season": season, "round_number": number, "race_name": name, "circuit_id": circuit}
        return row | {"race_date": day, "meeting_key": key and 10}

    gold.insert(
        "dim_races",
        [
            of_race(season, number) | {"race_session_key": KEYS["race"] if season == 2025 else None}
            for season, number in races
        ],
    )
    gold.insert(
        "dim_people",
        [
            {"driver_id": one, "full_name": name, "family_name": name.split()[1], "nationality": "Monegasque"}
            for one, name in PEOPLE.items()
        ],
    )
    gold.insert(
        "dim_constructors",
        [
            {"constructor_id": one, "constructor_name": name, "team_id": one}
            for one, name in CONSTRUCTORS.items()
        ],
    )
    gold.insert(
        "dim_circuits",
        [
            {"circuit_id": one, "circuit_name": name, "location": "Town", "races_count": 2}
            for one, name in CIRCUITS.items()
        ],
    )
    columns = "season round_number session_category driver_id constructor_id car_number position position_text points"
    columns += " grid_position fastest_lap_rank"
    results = [dict(zip(columns.split(), row, strict=True)) for row in RESULTS]
    gold.insert(
        "fact_race_results",
        [
            of_race(row["season"], row["round_number"])
            | row
            | {
                name: known[row[name.replace("full_name", "driver_id").replace("_name", "_id")]]
                for name, known in names.items()
            }
            | {
                "session_key": KEYS[row["session_category"].lower()] if row["season"] == 2025 else None,
                "team_id": row["constructor_id"],
                "position_order": number,
                "laps": 10,
                "race_time_s": 3600.5 if row["position"] == 1 else None,
                "in_jolpica": True,
                "started_from_pit_lane": False,
            }
            | dict.fromkeys(("position_source", "points_source", "laps_source", "time_source"), "jolpica")
            | {"grid_source": "openf1" if row["season"] == 2025 else "jolpica"}
            for number, row in enumerate(results)
        ],
    )
    gold.insert(
        "fact_qualifying",
        [
            of_race(season, number)
            | {
                "driver_id": driver,
                "full_name": PEOPLE[driver],
                "constructor_id": team,
                "is_pole": True,
                "pole_source": "grid",
            }
            for season, number, driver, team in POLES
        ],
    )
    gold.insert(
        "championship_progression",
        [
            {
                "championship": "drivers",
                "season": season,
                "round_number": number,
                "entrant_id": driver,
                "driver_id": driver,
                "full_name": PEOPLE[driver],
                "constructor_id": team,
                "team_id": team,
                "team_name": CONSTRUCTORS[team],
                "points": counted,
                "gross_points": gross,
                "championship_rank": rank,
                "points_behind_leader": 0.0,
                "wins": 1,
                "is_complete": True,
            }
            for season, number, driver, team, counted, gross, rank in POINTS
        ],
    )
    _add_summaries(gold)
    _add_sources(gold)


def _add_summaries(gold: GoldTables) -> None:
    names = PEOPLE | CONSTRUCTORS
    careers, seasons = [], []
    for kind, entrant, years, starts, wins, poles, podiums, points, rank in SUMMARIES:
        row = {
            "entrant_type": kind,
            "entrant_id": entrant,
            "entrant_name": names[entrant],
            "entries": starts,
            "starts": starts,
            "wins": wins,
            "poles": poles,
            "podiums": podiums,
            "points": points,
        }
        careers.append(
            row
            | {"first_season": years[0], "last_season": years[-1], "titles": int(rank == 1), "sprint_wins": 0}
            | {"best_championship_rank": rank}
        )
        seasons += [
            row | {"season": year, "championship_rank": rank, "is_champion": kind == "driver" and rank == 1}
            for year in years
        ]
    gold.insert("career_summary", careers)
    gold.insert("season_summary", seasons)
    gold.insert(
        "teammate_history",
        [
            {
                "season": 1956,
                "constructor_id": "red",
                "constructor_name": "Red Cars",
                "driver_id": "ann",
                "full_name": PEOPLE["ann"],
                "teammate_id": "bob",
                "teammate_full_name": PEOPLE["bob"],
                "qualifying_sessions": 0,
                "races": 3,
                "race_wins": 2,
                "teammate_race_wins": 1,
                "points": 10.0,
                "teammate_points": 4.0,
            }
        ],
    )
    gold.insert(
        "records",
        [
            {
                "record": "youngest_winner",
                "record_rank": 1,
                "entrant_type": "driver",
                "entrant_id": "bob",
                "holder": PEOPLE["bob"],
                "value": 6802.0,
                "unit": "days",
                "from_season": 1956,
                "from_race_name": "Hill Grand Prix",
                "to_season": 1956,
                "proof": "docs/records.md#youngest_winner",
            }
        ],
    )
    gold.insert(
        "driver_constructor_summary",
        [
            {
                "driver_id": "cat",
                "full_name": PEOPLE["cat"],
                "constructor_id": "red",
                "first_season": 2025,
                "last_season": 2025,
                "starts": 1,
                "wins": 1,
                "podiums": 1,
                "poles": 1,
                "points": 31.0,
            }
        ],
    )
    _add_profiles(gold)
    gold.insert(
        "circuit_summary",
        [
            {
                "entrant_type": "driver",
                "entrant_id": "bob",
                "entrant_name": PEOPLE["bob"],
                "circuit_id": "hill",
                "starts": 1,
                "wins": 1,
                "podiums": 1,
                "poles": 0,
                "first_season": 1956,
                "last_season": 1956,
            }
        ],
    )
    gold.insert(
        "circuit_lap_records",
        [
            {
                "circuit_id": "hill",
                "session_category": "Race",
                "record_rank": 1,
                "lap_time_s": 81.046,
                "season": 2025,
                "driver_id": "cat",
                "full_name": PEOPLE["cat"],
            }
        ],
    )


def _add_profiles(gold: GoldTables) -> None:
    """Add scores of a driver: with and without telling drivers apart, without an interval, and without a value."""
    values = {
        "pass_conversion": (0.1003, 0.0139, 0.1867, 0.3373, 1166, 0.2733, 0.2113, 0.3354, 0.712, True),
        "consistency": (-0.0268, -0.0858, 0.0322, 0.2987, 1575, 0.3084, 0.2786, 0.3382, 0.368, False),
        "first_lap_gain": (0.5, None, None, 0.565, 3, None, None, None, None, False),
    }
    ends = ("vs_team_mate", "vs_team_mate_low", "vs_team_mate_high", "estimate", "n", "shrunk", "low", "high", "reliability",
            "can_be_told_apart")  # fmt: skip
    scores = {
        f"{score}_{end}": value for score, row in values.items() for end, value in zip(ends, row, strict=True)
    }
    row = {"driver_id": "cat", "full_name": PEOPLE["cat"], "races": 45, **scores}
    gold.insert("driver_profiles_career", [{**row, "first_season": 2023, "last_season": 2025}])
    gold.insert("driver_profiles", [{**row, "season": season} for season in (2024, 2025)])


def _add_sources(gold: GoldTables) -> None:
    gold.insert(
        "season_sources",
        [
            {"season": 2025, "column_name": name, "jolpica_rows": 2, "openf1_rows": 0, "rows_in_both": 1}
            for name in ("points", "position")
        ],
    )
    gold.insert(
        "source_reconciliation",
        [
            {
                "season": 2025,
                "round_number": 1,
                "session_category": "Race",
                "session_key": KEYS["race"],
                "driver_id": "cat",
                "column_name": "points",
                "jolpica_value": "25.0",
                "openf1_value": "24.0",
                "difference": -1.0,
                "class": "new",
            },
            {
                "season": 2025,
                "round_number": 1,
                "session_category": "Race",
                "session_key": KEYS["race"],
                "driver_id": "cat",
                "column_name": "grid_position",
                "jolpica_value": "2",
                "openf1_value": "1",
                "class": "late grid change",
                "reason": "Penalties after the grid",
            },
        ],
    )


def add_page_of_2025(gold: GoldTables) -> None:
    """Add the session of 2025 that has a page: the race of Çat Charlié, in OpenF1."""
    gold.weekend("race")
    gold.run("update dim_sessions set circuit_key = 7")
    gold.insert(
        "dim_drivers",
        [
            {
                "driver_id": "cat",
                "driver_number": 4,
                "name_acronym": "CAT",
                "full_name": PEOPLE["cat"],
                "valid_from": START,
                "is_current": True,
            }
        ],
    )
    gold.insert(
        "dim_team_seasons",
        [{"season": 2025, "team_id": "red", "team_name": "Red Cars", "team_colour": "FF0000"}],
    )
    gold.results(
        "race",
        {
            "driver_number": 4,
            "driver_id": "cat",
            "team_id": "red",
            "constructor_id": "red",
            "duration_s": 3600.5,
            "points": 25.0,
        },
        team="Red Cars",
    )
    add_history(gold)
    gold.run("update dim_circuits set circuit_key = 7 where circuit_id = 'hill'")
