"""All recorded sessions of three seasons, compared with official lists that the models never see.

Ergast's fastest laps, race times and qualifyings, the list of safety cars, virtual safety cars and red flags, and the position feed after
each line crossing. Where a source and an official list disagree, the disagreements are counted, and the limit is what was found.
"""

import json
from bisect import bisect_right
from collections import defaultdict
from datetime import datetime, timedelta
from itertools import combinations

from recorded_season import NEEDS_RECORDED_DATA, ROOT, Row, Season, ergast, name_slug, rounds_of, served

pytestmark = NEEDS_RECORDED_DATA


COMPLETE_FEEDS = (7787, 7953, 9102, 9149, 9157, 9181, 9205)
"""Races of 2023 whose position feed is complete: at the line it may differ in one of 1,000 laps of each; elsewhere of each season."""


def races(season: Season) -> dict[int, int]:
    """Return round → session key of the races whose laps were recorded."""
    there = set(season.with_rows("laps", "Race"))
    rows = season.query("select round_number, session_key from gold.dim_sessions where is_race")
    return {number: key for number, key in rows if key in there}


def official(season: Season, table: str) -> dict[int, list[Row]]:
    """Return round → rows of an Ergast table, each with its `driver`: the driver_id of gold."""
    rounds = rounds_of(season.year)
    person = {row["driverId"]: name_slug(row) for row in ergast("drivers")}
    found: dict[int, list[Row]] = defaultdict(list)
    for row in ergast(table):
        if row["raceId"] in rounds:
            found[rounds[row["raceId"]]].append(row | {"driver": person[row["driverId"]]})
    return found


def seconds(text: str) -> float:
    minutes, _, rest = text.rpartition(":")
    return round(60 * int(minutes or 0) + float(rest), 3)


def test_fastest_lap_of_each_driver_is_the_official_one(season: Season) -> None:
    results = official(season, "results")
    expected = {
        (key, row["driver"]): seconds(row["fastestLapTime"])
        for number, key in races(season).items()
        for row in results[number]
        if row["fastestLapTime"] != r"\N"
    }
    found = {
        (key, driver): time
        for key, driver, time in season.query(
            "select session_key, driver_id, fastest_lap_time from gold.session_leaderboard"
        )
    }
    wrong = {
        pair: (found.get(pair), time)
        for pair, time in expected.items()
        if abs((found.get(pair) or 0) - time) > 0.0005
    }
    if season.year == 2025:
        assert expected == {}  # Ergast's copy has none
    else:
        assert len(expected) > 400
    assert len(wrong) <= 0.005 * len(expected), wrong


def test_final_gaps_are_the_official_ones(season: Season) -> None:
    """In one race of 2024 OpenF1 has the leader's time 0.526 s earlier, for all 18 others; source_reconciliation has the class."""
    keys = dict(season.query("select round_number, session_key from gold.dim_sessions where is_race"))
    expected = {}
    for number, rows in official(season, "results").items():
        times = {row["driver"]: int(row["milliseconds"]) for row in rows if row["milliseconds"] != r"\N"}
        winner = next(row["driver"] for row in rows if row["positionOrder"] == "1")
        if number in keys:
            for driver, time in times.items():
                expected[keys[number], driver] = (time - times[winner]) / 1000
    found = {
        (key, driver): gap
        for key, driver, gap in season.query(
            "select session_key, driver_id, gap_to_leader_s from gold.fact_results "
            "where session_category = 'Race' and coalesce(laps_down, 0) = 0"
        )
    }
    both = expected.keys() & {pair for pair, gap in found.items() if gap is not None}
    wrong = {
        pair: (found[pair], expected[pair]) for pair in both if abs(found[pair] - expected[pair]) > 0.0015
    }
    assert len(both) > 200
    elsewhere = {pair: gaps for pair, gaps in wrong.items() if pair[0] != 9574}
    assert len(elsewhere) <= 1, elsewhere


def listed(table: str, year: int) -> list[Row]:
    return [row for row in ergast(table) if row["Race"].startswith(f"{year} ")]


def round_of_name(year: int) -> dict[str, int]:
    """Return `2024 Monaco Grand Prix` → round."""
    return {f"{year} {row['name']}": int(row["round"]) for row in ergast("races") if row["year"] == str(year)}


def statuses(season: Season) -> dict[int, dict[int, str]]:
    """Return session key → lap of the leader → its track status."""
    found: dict[int, dict[int, str]] = defaultdict(dict)
    for key, lap, status in season.query(
        "select session_key, lap_number, track_status from gold.fact_laps where position_at_lap_end = 1"
    ):
        found[key][lap] = status
    return found


def test_safety_car_laps_are_those_of_the_official_list(season: Season) -> None:
    """A car is deployed and goes in within a lap, so that the first and the last one are not compared.

    São Paulo 2023: the list ignores the red flag; the race resumed with a standing start on lap 3, without a safety car.
    """
    keys, rounds, laps = races(season), round_of_name(season.year), statuses(season)
    inside: dict[int, set[int]] = defaultdict(set)
    near: dict[int, set[int]] = defaultdict(set)
    for row in listed("safety_cars", season.year):
        if rounds[row["Race"]] in keys:
            key = keys[rounds[row["Race"]]]
            first, last = int(row["Deployed"]), int(float(row["Retreated"] or 999))
            inside[key] |= set(range(first + 1, last))
            near[key] |= set(range(first - 1, last + 2))
    missing = {
        (key, lap): laps[key].get(lap)
        for key, wanted in inside.items()
        for lap in wanted
        if laps[key].get(lap) not in ("SC", "Red")
    }
    beyond = {
        (key, lap)
        for key in keys.values()
        for lap, status in laps[key].items()
        if status == "SC" and lap not in near[key]
    }
    missing.pop((9205, 4), None)
    assert sum(map(len, inside.values())) >= {2023: 30, 2024: 25, 2025: 0}[season.year]
    assert (missing, beyond) == ({}, set())


def test_virtual_safety_cars_and_red_flags_are_those_of_the_official_lists(season: Season) -> None:
    """Within two laps: the list has Bahrain 2023 on laps 39 and 40, race control on 41 and 42."""
    keys, rounds, laps = races(season), round_of_name(season.year), statuses(season)
    virtual = json.loads((ROOT / "ergast" / "vsc.json").read_text())
    for status, expected in (
        ("VSC", {name: set(numbers) for name, numbers in virtual.items() if name in rounds}),
        ("Red", {row["Race"]: {int(row["Lap"])} for row in listed("red_flags", season.year)}),
    ):
        found = {
            name: {lap for lap, one in laps[keys[number]].items() if one == status}
            for name, number in rounds.items()
            if number in keys
        }
        for name, numbers in found.items():
            near = {lap + offset for lap in expected.get(name, set()) for offset in range(-2, 3)}
            # a virtual safety car that becomes a safety car on the same lap is the safety car's
            stronger = {lap for lap, one in laps[keys[rounds[name]]].items() if one in ("SC", "Red")}
            assert (numbers | stronger) & near or not near, (status, name, numbers, expected.get(name))
            if status == "VSC":  # of a red flag the list has the first lap only
                assert numbers <= near, (status, name, numbers, near)


def served_meetings(season: Season, key: int) -> list[tuple[tuple[str, str], bool]]:
    """Return the pairs of a qualifying with a classified car, and whether the first is ahead, from the served rows."""
    names = dict(
        season.query(f"select driver_number, driver_id from gold.fact_results where session_key = {key}")
    )
    team = {row["driver_number"]: row["team_name"] for row in served("drivers", key)}
    rows = [row for row in served("session_result", key) if row["position"] or not (row["dns"] or row["dsq"])]
    rows.sort(key=lambda row: names[row["driver_number"]])
    return [
        (
            (names[one["driver_number"]], names[other["driver_number"]]),
            (one["position"] or 99) < (other["position"] or 99),
        )
        for one, other in combinations(rows, 2)
        if team[one["driver_number"]] == team[other["driver_number"]]
        and (one["position"] or other["position"])
    ]


def test_head_to_heads_in_qualifying_are_the_official_ones(season: Season) -> None:
    """The lists differ after disqualifications, which OpenF1 serves as no position, and Ergast as the last position or the one before.

    Neither car of a pair was classified: Monaco 2024 (Magnussen, Hülkenberg), Zandvoort 2024 (Albon; Sargeant did not drive). Silverstone
    2023: Ergast has the position of Bottas before the disqualification.
    """
    there = set(season.with_rows("session_result", "Qualifying"))
    rows = season.query("select round_number, session_key from gold.dim_sessions where is_qualifying")
    held_keys = {number: key for number, key in rows if key in there}
    held = held_keys.keys()
    qualifyings = official(season, "qualifying")
    expected: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for number in held & qualifyings.keys():
        for one, other in combinations(sorted(qualifyings[number], key=lambda row: str(row["driver"])), 2):
            if one["constructorId"] == other["constructorId"]:
                is_ahead = int(one["position"]) < int(other["position"])
                expected[one["driver"], other["driver"]][0 if is_ahead else 1] += 1
    for number in held - qualifyings.keys():  # Ergast's copy ends in 2025
        for pair, is_ahead in served_meetings(season, held_keys[number]):
            expected[pair][0 if is_ahead else 1] += 1
    found: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for driver, mate, wins, losses in season.query(
        "select driver_id, teammate_id, qualifying_wins, teammate_qualifying_wins from gold.teammate_head_to_head"
    ):
        found[driver, mate][0] += wins
        found[driver, mate][1] += losses
    if season.year == 2023:
        expected["guanyu-zhou", "valtteri-bottas"] = [7, 14]
    if (
        season.year == 2025
    ):  # Singapore: both cars of Williams were disqualified; Melbourne: Bearman had no time
        expected["alexander-albon", "carlos-sainz"][0] -= 1
        expected["esteban-ocon", "oliver-bearman"][0] -= 1
    if season.year == 2024:
        expected["alexander-albon", "logan-sargeant"][0] -= 1
        expected["kevin-magnussen", "nico-hulkenberg"][1] -= 1
    assert len(expected) >= 10
    assert {pair: found[pair] for pair in expected} == dict(expected)


def test_positions_at_the_line_equal_the_feed_after_it(season: Season) -> None:
    """One second after the line, where the feed has the order; without the last laps, to whose positions the feed adds penalties.

    Faults of the feed: in Baku 2023 car 24 is 16th of 20 over the line on laps 1 to 4, and the feed has 17. In Abu Dhabi
    2025 cars 18 and 44 end lap 8 within 39 ms, and the feed exchanges them three times in five seconds.
    """
    compared, differ = 0, []
    for key in races(season).values():
        feed: dict[int, list[tuple[datetime, int]]] = defaultdict(list)
        for row in sorted(served("position", key), key=lambda row: str(row["date"])):
            at = datetime.fromisoformat(row["date"]).replace(tzinfo=None)
            feed[row["driver_number"]].append((at, row["position"]))
        laps = season.query(
            "select driver_number, lap_number, lap_end_at, position_at_lap_end from gold.fact_laps "
            f"where session_key = {key} and lap_end_at is not null and position_at_lap_end is not null"
        )
        last = max((lap for _, lap, _, _ in laps), default=0)
        pairs = [
            (driver, lap, position, feed[driver][before - 1][1])
            for driver, lap, end, position in laps
            if lap < last - 1
            and (key, lap) != (9839, 8)
            and not (key == 9070 and driver == 24 and lap <= 4)
            and (before := bisect_right(feed[driver], (end + timedelta(seconds=1), 99)))
        ]
        wrong = [pair for pair in pairs if pair[2] != pair[3]]
        assert key not in COMPLETE_FEEDS or len(wrong) <= 0.001 * len(pairs), (key, len(pairs), wrong)
        compared += len(pairs)
        differ += [(key, *pair) for pair in wrong]
    assert len(differ) <= 0.001 * compared, differ
    assert compared > {2023: 15_000, 2024: 0, 2025: 1000}[season.year]


def test_in_and_out_laps_of_a_race_are_those_of_the_pit_feed(season: Season) -> None:
    for key in season.with_rows("pit", "Race"):
        if key not in races(season).values():
            continue
        served_laps = {(row["driver_number"], row["lap_number"]): row for row in served("laps", key)}
        ins = {(row["driver_number"], row["lap_number"]) for row in served("pit", key)} & served_laps.keys()
        rows = season.query(
            f"select driver_number, lap_number, is_pit_in_lap, is_pit_out_lap from gold.fact_laps where session_key = {key}"
        )
        known = {row[:2] for row in rows}
        assert {row[:2] for row in rows if row[2]} == ins & known, key
        outs = {row[:2] for row in rows if row[3]}
        by_feed = {(driver, lap + 1) for driver, lap in ins}
        by_source = {pair for pair, row in served_laps.items() if row["is_pit_out_lap"]}
        # a stint starts on the in-lap in some races, on the out-lap in others
        by_tyres = {
            (row["driver_number"], row["lap_start"] + offset)
            for row in served("stints", key)
            if int(row["stint_number"]) > 1 and row["lap_start"]
            for offset in (0, 1)
        }
        assert (by_feed | by_source) & known <= outs <= by_feed | by_source | by_tyres, key
