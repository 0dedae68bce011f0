"""Generated seasons: that they repeat, that they agree with themselves, and that they are flawed as real ones."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from f1_lakehouse.simulator import world
from f1_lakehouse.simulator.generate import GenerateError, generate, publish_corrections
from f1_lakehouse.simulator.keys import generated
from f1_lakehouse.simulator.rows import sessions_of
from f1_lakehouse.simulator.server import ReplayServer
from f1_lakehouse.simulator.telemetry import track

Rows = list[dict[str, Any]]
ENDPOINTS = {
    "meetings", "sessions", "drivers", "laps", "stints", "pit", "position", "intervals", "overtakes", "race_control",
    "weather", "car_data", "location", "team_radio", "session_result", "starting_grid", "championship_drivers",
    "championship_teams",
}  # fmt: skip
SPRINT_SEASON, MEETINGS = 2025, 3  # Melbourne, Shanghai with a sprint, Suzuka


class Season:
    """A folder's rows, by endpoint and session name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sessions: Rows = self.read("sessions")
        self.names = {s["session_key"]: s["session_name"] for s in self.sessions}

    def read(self, endpoint: str, session_key: int | None = None) -> Rows:
        files = sorted(
            (self.folder / endpoint).glob("*.json" if session_key is None else f"{session_key}.json")
        )
        return [row for file in files for row in orjson.loads(file.read_bytes())]

    def keys(self, *names: str) -> list[int]:
        return [key for key, name in self.names.items() if name in names]


def test_keys_of_a_generated_season_are_in_the_generated_range() -> None:
    for season in world.SEASONS:
        keys = [
            session.session_key
            for number, weekend in enumerate(world.calendar(season), 1)
            for session in sessions_of(season, number, weekend)
        ]
        assert len(keys) > 100
        assert generated(keys) == set(keys)
    assert generated([None, 0, 1, 7953, 11_303, 20_000, 3_000_000_000]) == set()


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.json*"))
    }


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> Season:
    folder = tmp_path_factory.mktemp("season")
    generate(folder, SPRINT_SEASON, MEETINGS, seed=8)
    publish_corrections(folder)
    return Season(folder)


@pytest.fixture(scope="module")
def with_telemetry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("telemetry")
    generate(folder, 2024, 1, telemetry=True, telemetry_every=20)
    return folder


def test_the_same_arguments_give_the_same_bytes(with_telemetry: Path, tmp_path: Path) -> None:
    generate(tmp_path, 2024, 1, telemetry=True, telemetry_every=20)
    assert digest(tmp_path) == digest(with_telemetry)


def test_the_bytes_do_not_depend_on_the_process_that_writes_them(tmp_path: Path) -> None:
    script = (
        "import sys; from f1_lakehouse.simulator.generate import generate; generate(sys.argv[1], 2024, 1)"
    )
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run([sys.executable, "-c", script, str(tmp_path / hash_seed)], env=environment, check=True)
    assert digest(tmp_path / "1") == digest(tmp_path / "2")


def test_another_seed_gives_another_season(tmp_path: Path) -> None:
    generate(tmp_path / "a", 2024, 1, seed=1)
    generate(tmp_path / "b", 2024, 1, seed=2)
    a, b = digest(tmp_path / "a"), digest(tmp_path / "b")
    race = "laps/2024015.json"
    assert a[race] != b[race]


def test_a_meeting_does_not_depend_on_the_number_of_meetings(season: Season, tmp_path: Path) -> None:
    generate(tmp_path, SPRINT_SEASON, 1, seed=8)
    publish_corrections(tmp_path)
    longer = digest(season.folder)
    assert {name for name, sha in digest(tmp_path).items() if longer[name] != sha} == {
        "meetings/2025.json",
        "sessions/2025.json",
    }


def test_generating_a_shorter_season_removes_the_files_of_the_longer_one(tmp_path: Path) -> None:
    generate(tmp_path, 2024, 2)
    generate(tmp_path, 2023, 1)
    generate(tmp_path, 2024, 1)
    keys = {int(path.stem) for path in tmp_path.glob("laps/*.json")}
    assert keys == {*range(2023011, 2023016), *range(2024011, 2024016)}


def test_every_endpoint_has_rows(with_telemetry: Path) -> None:
    assert {path.name for path in with_telemetry.iterdir() if not path.name.startswith(".")} == ENDPOINTS


@pytest.mark.parametrize("year", world.SEASONS)
def test_every_season_has_its_calendar_and_line_up(year: int, tmp_path: Path) -> None:
    drivers, calendar = world.drivers(year), world.calendar(year)
    assert len({d.number for d in drivers}) == (22 if year >= 2026 else 20)
    assert set(Counter(d.team for d in drivers).values()) == {2}
    assert sum(not w.cancelled for w in calendar) in (22, 24)
    assert sum(w.sprint for w in calendar) == 6
    assert all(a.race_day < b.race_day for a, b in pairwise(calendar))
    assert all(w.race_day.weekday() in (5, 6) for w in calendar)


def test_keys_are_never_shared_between_seasons_or_sessions() -> None:
    keys = [
        session.session_key
        for year in world.SEASONS
        for number, weekend in enumerate(world.calendar(year), start=1)
        for session in sessions_of(year, number, weekend)
    ]
    assert len(keys) == len(set(keys))


def test_cancelled_meetings_keep_their_keys_and_have_no_rows(tmp_path: Path) -> None:
    generate(tmp_path, 2026, 4)
    made = Season(tmp_path)
    cancelled = {s["session_key"] for s in made.sessions if s["is_cancelled"]}
    assert len(cancelled) == 10
    assert {row["session_key"] for row in made.read("drivers")} == set(made.names) - cancelled


def test_unfinished_sessions_have_no_rows(tmp_path: Path) -> None:
    generate(tmp_path, 2024, 1, now=datetime(2024, 3, 2, 12, tzinfo=UTC))
    made = Season(tmp_path)
    assert len(made.sessions) == 5
    assert {made.names[row["session_key"]] for row in made.read("laps")} == {
        "Practice 1", "Practice 2", "Practice 3", "Qualifying"
    }  # fmt: skip
    assert made.read("starting_grid")


def test_sprint_weekends_can_be_chosen(tmp_path: Path) -> None:
    generate(tmp_path, 2024, 2, sprint_every=2)
    assert Counter(s["session_name"] for s in Season(tmp_path).sessions)["Sprint"] == 1


def test_sessions_of_a_weekend_are_the_five_of_its_kind(season: Season) -> None:
    by_meeting = defaultdict(list)
    for session in sorted(season.sessions, key=lambda s: s["date_start"]):
        by_meeting[session["meeting_key"]].append(session["session_name"])
    normal = ["Practice 1", "Practice 2", "Practice 3", "Qualifying", "Race"]
    sprint = ["Practice 1", "Sprint Qualifying", "Sprint", "Qualifying", "Race"]
    assert list(by_meeting.values()) == [normal, sprint, normal]


def test_lap_rows_match_the_result_with_one_more_for_a_retired_driver(season: Season) -> None:
    for key in season.names:
        laps = Counter(row["driver_number"] for row in season.read("laps", key))
        for row in season.read("session_result", key):
            assert laps[row["driver_number"]] == row["number_of_laps"] + row["dnf"], (key, row)


def test_lap_times_add_up_to_the_race_result_but_for_a_penalty(season: Season) -> None:
    penalties = 0
    for key in season.keys("Race", "Sprint"):
        total: dict[int, float] = defaultdict(float)
        for row in season.read("laps", key):
            total[row["driver_number"]] += row["lap_duration"] or 0
        for row in season.read("session_result", key):
            if row["duration"] is not None:
                over = round(row["duration"] - total[row["driver_number"]], 3)
                assert over in (0, 5)
                penalties += over == 5
    assert penalties <= len(season.keys("Race"))


def test_sectors_add_up_to_their_lap(season: Season) -> None:
    for row in season.read("laps"):
        sectors = [row[f"duration_sector_{n}"] for n in (1, 2, 3)]
        if None not in sectors and row["lap_duration"] is not None:
            assert round(sum(sectors), 3) == row["lap_duration"]


def test_a_lap_starts_when_the_one_before_has_ended_in_a_race(season: Season) -> None:
    for key in season.keys("Race", "Sprint"):
        for before, lap in pairwise(season.read("laps", key)):
            if before["driver_number"] != lap["driver_number"] or None in (
                before["date_start"],
                lap["date_start"],
            ):
                continue
            gap = datetime.fromisoformat(lap["date_start"]) - datetime.fromisoformat(before["date_start"])
            assert round(gap.total_seconds(), 3) == before["lap_duration"]


def test_results_are_ordered_and_gaps_are_measured_to_the_leader(season: Season) -> None:
    assert any(isinstance(row["gap_to_leader"], str) for row in season.read("session_result")), (
        "nobody was lapped"
    )
    for key in season.keys("Race", "Sprint"):
        rows = season.read("session_result", key)
        finished = [row for row in rows if row["position"] is not None]
        assert [row["position"] for row in finished] == list(range(1, len(finished) + 1))
        leader = finished[0]
        assert leader["gap_to_leader"] == 0
        assert isinstance(leader["gap_to_leader"], int)
        for row in finished[1:]:
            behind = leader["number_of_laps"] - row["number_of_laps"]
            if behind:
                assert row["duration"] is None
                assert row["gap_to_leader"] == f"+{behind} LAP" + "S" * (behind > 1)
            else:
                assert row["gap_to_leader"] == round(row["duration"] - leader["duration"], 3) >= 0
        assert all(row["dnf"] or row["dns"] for row in rows if row["position"] is None)


def test_results_have_points_in_races_and_sprints_only(season: Season) -> None:
    for key, name in season.names.items():
        rows = season.read("session_result", key)
        assert {"points" in row for row in rows} == {name in ("Race", "Sprint")}
    best = {season.names[key]: [r["points"] for r in season.read("session_result", key)][:3] for key in season.names
            if season.names[key] in ("Race", "Sprint")}  # fmt: skip
    assert best == {"Race": [25, 18, 15], "Sprint": [8, 7, 6]}


def test_the_fastest_lap_scores_a_point_until_2024(tmp_path: Path) -> None:
    totals = set()
    for seed in range(4):
        generate(tmp_path, 2024, 1, seed=seed)
        totals.add(sum(row["points"] for row in Season(tmp_path).read("session_result", 2024015)))
    assert 102 in totals
    assert totals <= {101, 102}


def test_qualifying_results_are_lists_of_three_without_times_after_elimination(season: Season) -> None:
    for key in season.keys("Qualifying", "Sprint Qualifying"):
        rows = season.read("session_result", key)
        assert all(len(row["duration"]) == len(row["gap_to_leader"]) == 3 for row in rows)
        for row in rows:
            reached = 3 if (row["position"] or 99) <= 10 else 2 if (row["position"] or 99) <= 15 else 1
            assert all(time is None for time in row["duration"][reached:])
        q3 = [row["duration"][2] for row in rows[:10] if row["duration"][2] is not None]
        assert q3 == sorted(q3)


def test_practice_is_ordered_by_each_drivers_best_lap(season: Season) -> None:
    for key in season.keys("Practice 1", "Practice 2", "Practice 3"):
        best: dict[int, float] = {}
        for lap in season.read("laps", key):
            if lap["lap_duration"] is not None and not lap["is_pit_out_lap"]:
                best[lap["driver_number"]] = min(best.get(lap["driver_number"], 999.0), lap["lap_duration"])
        rows = season.read("session_result", key)
        assert (
            [row["duration"] for row in rows]
            == [best[row["driver_number"]] for row in rows]
            == sorted(best.values())
        )


def test_grids_have_the_key_of_the_qualifying_session(season: Season) -> None:
    keys = {row["session_key"] for row in season.read("starting_grid")}
    assert keys == set(season.keys("Qualifying", "Sprint Qualifying"))


def test_the_grid_is_the_order_of_qualifying_but_for_one_penalty_at_most(season: Season) -> None:
    for key in season.keys("Qualifying", "Sprint Qualifying"):
        grid = [row["driver_number"] for row in season.read("starting_grid", key)]
        order = [row["driver_number"] for row in season.read("session_result", key)]
        assert any(without(grid, number) == without(order, number) for number in order)


def without(numbers: list[int], number: int) -> list[int]:
    return [n for n in numbers if n != number]


def test_the_race_starts_from_its_grid(season: Season) -> None:
    pairs = [("Qualifying", "Race"), ("Sprint Qualifying", "Sprint")]
    meeting = {s["session_key"]: s["meeting_key"] for s in season.sessions}
    for before, after in pairs:
        for key in season.keys(after):
            source = next(k for k in season.keys(before) if meeting[k] == meeting[key])
            absent = {row["driver_number"] for row in season.read("session_result", key) if row["dns"]}
            grid = [
                r["driver_number"]
                for r in season.read("starting_grid", source)
                if r["driver_number"] not in absent
            ]
            rows = season.read("position", key)
            assert [row["driver_number"] for row in rows[: len(grid)]] == grid


def test_last_position_of_each_car_is_that_of_the_uncorrected_result(tmp_path: Path) -> None:
    generate(tmp_path, 2024, 1)
    made = Season(tmp_path)
    last = {row["driver_number"]: row["position"] for row in made.read("position", 2024015)}
    places = {
        r["driver_number"]: r["position"] for r in made.read("session_result", 2024015) if r["position"]
    }
    assert {number: last[number] for number in places} == places


def test_standings_are_the_sum_of_all_points_so_far(season: Season) -> None:
    teams = {row["driver_number"]: row["team_name"] for row in season.read("drivers") if row["team_name"]}
    drivers: Counter[Any] = Counter()
    by_team: Counter[Any] = Counter()
    for key in season.keys("Race", "Sprint"):
        before = (dict(drivers), dict(by_team))
        for row in season.read("session_result", key):
            drivers[row["driver_number"]] += row["points"]
            by_team[teams[row["driver_number"]]] += row["points"]
        for endpoint, name, totals, start in (
            ("championship_drivers", "driver_number", drivers, before[0]),
            ("championship_teams", "team_name", by_team, before[1]),
        ):
            rows = season.read(endpoint, key)
            assert {row[name]: row["points_current"] for row in rows} == dict(totals)
            assert {row[name]: row["points_start"] for row in rows} == {
                row[name]: start.get(row[name], 0) for row in rows
            }
            assert [row["position_current"] for row in rows] == list(range(1, len(rows) + 1))
            points = [row["points_current"] for row in rows]
            assert points == sorted(points, reverse=True)


def test_stints_cover_every_lap_of_a_race_and_stops_are_between_them(season: Season) -> None:
    for key in season.keys("Race", "Sprint"):
        covered = defaultdict(set)
        last = defaultdict(list)
        for row in season.read("stints", key):
            covered[row["driver_number"]] |= set(range(row["lap_start"], row["lap_end"] + 1))
            last[row["driver_number"]].append(row["lap_end"])
        laps = defaultdict(set)
        for row in season.read("laps", key):
            laps[row["driver_number"]].add(row["lap_number"])
        assert covered == laps
        stops = defaultdict(set)
        for row in season.read("pit", key):
            stops[row["driver_number"]].add(row["lap_number"])
        assert {n: set(ends[:-1]) for n, ends in last.items() if len(ends) > 1} == stops


def test_pit_durations_are_the_lane_durations_and_stops_are_known_from_late_2024_on(
    season: Season, tmp_path: Path
) -> None:
    generate(tmp_path, 2024, 1)
    rows = season.read("pit")
    assert all(row["pit_duration"] == row["lane_duration"] for row in rows)
    races = set(season.keys("Race"))
    assert all(1.5 < row["stop_duration"] < 20 for row in rows if row["session_key"] in races)
    assert {row["stop_duration"] for row in Season(tmp_path).read("pit")} == {None}


def test_intervals_and_standings_exist_for_races_and_sprints_only(season: Season) -> None:
    raced = set(season.keys("Race", "Sprint"))
    for endpoint in ("intervals", "championship_drivers", "championship_teams"):
        assert {row["session_key"] for row in season.read(endpoint)} == raced
    assert {row["session_key"] for row in season.read("overtakes")} == set(season.keys("Race"))


def test_intervals_are_four_seconds_apart_and_laps_are_text(season: Season) -> None:
    for key in season.keys("Race"):
        rows = season.read("intervals", key)
        leader = season.read("session_result", key)[0]["driver_number"]
        times = [datetime.fromisoformat(row["date"]) for row in rows if row["driver_number"] == leader]
        assert {(b - a).total_seconds() for a, b in pairwise(times)} == {4.0}
        kinds = {type(row["gap_to_leader"]) for row in rows}
        assert {float, str, type(None)} >= kinds >= {float}
        assert all(
            row["gap_to_leader"].startswith("+") for row in rows if isinstance(row["gap_to_leader"], str)
        )


def test_safety_cars_are_announced_in_the_words_of_race_control(season: Season) -> None:
    messages = {row["message"] for row in season.read("race_control") if row["category"] == "SafetyCar"}
    real = {
        "SAFETY CAR DEPLOYED",
        "SAFETY CAR IN THIS LAP",
        "VIRTUAL SAFETY CAR DEPLOYED",
        "VIRTUAL SAFETY CAR ENDING",
    }
    assert messages
    assert messages <= real


def test_time_stamps_leave_the_fraction_out_when_it_is_zero(season: Season) -> None:
    lengths = {(row["category"] == "SessionStatus", len(row["date"])) for row in season.read("race_control")}
    assert lengths == {(False, 25), (True, 25), (True, 32)}
    assert not any(".000000" in row["date"] for row in season.read("position"))


def test_corrections_wait_until_they_are_published(tmp_path: Path) -> None:
    generate(tmp_path, 2024, 1, seed=1)
    race = 2024015
    before = Season(tmp_path).read("laps", race)
    changed = publish_corrections(tmp_path)
    after = Season(tmp_path).read("laps", race)
    assert tmp_path / "laps" / f"{race}.json" in changed
    assert len(after) == len(before) + 1
    assert [row for row in after if row in before] == before
    assert publish_corrections(tmp_path) == []


def test_penalty_changes_only_positions_outside_the_points(tmp_path: Path) -> None:
    changed = 0
    for seed in range(3):
        generate(tmp_path, 2024, 1, seed=seed)
        before = {row["driver_number"]: row for row in Season(tmp_path).read("session_result", 2024015)}
        publish_corrections(tmp_path)
        rows = Season(tmp_path).read("session_result", 2024015)
        after = {row["driver_number"]: row for row in rows}
        differing = [number for number in before if before[number] != after[number]]
        changed += bool(differing)
        assert all(before[number]["position"] > 10 for number in differing)
        assert sum(before[n]["duration"] != after[n]["duration"] for n in differing) == bool(differing)
        on_lead_lap = [row["duration"] for row in rows if row["duration"]]
        assert on_lead_lap == sorted(on_lead_lap)
        places = [row["position"] for row in rows if row["position"]]
        assert places == list(range(1, len(places) + 1))
    assert changed


def test_generated_data_has_the_flaws_of_real_data(season: Season) -> None:
    laps = season.read("laps")
    raced = set(season.keys("Race", "Sprint"))
    firsts = [row for row in laps if row["lap_number"] == 1 and row["session_key"] in raced]
    assert any(row["date_start"] is None for row in firsts)
    assert any(row["duration_sector_1"] is None and row["lap_duration"] is not None for row in laps)
    assert any(row["segments_sector_1"] and row["segments_sector_1"][0] is None for row in laps)
    stints = season.read("stints")
    assert any(
        a["driver_number"] == b["driver_number"]
        and a["session_key"] == b["session_key"]
        and a["lap_end"] == b["lap_start"]
        for a, b in pairwise(stints)
    )
    assert any(row["compound"] == "UNKNOWN" for row in stints)
    for key in season.names:
        pits = [orjson.dumps(row) for row in season.read("pit", key)]
        assert len(pits) - len(set(pits)) == bool(pits)
    nameless = [row for row in season.read("drivers") if row["team_name"] is None]
    assert {row["session_key"] for row in nameless} == set(season.keys("Practice 1"))
    assert any(row["track_temperature"] == 0.0 for row in season.read("weather"))


def telemetry(folder: Path, endpoint: str, key: int) -> Rows:
    return orjson.loads(gzip.decompress((folder / endpoint / f"{key}.json.gz").read_bytes()))


def test_telemetry_values_are_possible(with_telemetry: Path) -> None:
    rows = telemetry(with_telemetry, "car_data", 2024015)
    assert max(row["speed"] for row in rows) <= 360
    assert max(row["rpm"] for row in rows) <= 12_300
    assert {row["n_gear"] for row in rows} >= {0, 2, 5, 8}
    assert {row["brake"] for row in rows} == {0, 100, 104}
    assert {row["drs"] for row in rows} == {0, 1, 12}
    assert any(row["date"] is None for row in rows)


def test_a_lap_of_locations_is_closed_and_as_long_as_the_circuit(tmp_path: Path) -> None:
    for name in ("Sakhir", "Monte Carlo"):
        circuit = world.CIRCUITS[name]
        lap = track(circuit)
        steps = [
            ((x - px) ** 2 + (y - py) ** 2) ** 0.5
            for (x, y), (px, py) in zip(
                zip(lap.x, lap.y, strict=True),
                [(lap.x[-1], lap.y[-1]), *zip(lap.x, lap.y, strict=True)],
                strict=False,
            )
        ]
        assert sum(steps) / 10_000 == pytest.approx(circuit.km, rel=0.02)
        assert steps[0] < 200 * 10 * 2


def test_cars_have_no_location_before_they_move_and_feeds_are_not_synchronous(with_telemetry: Path) -> None:
    places = [row for row in telemetry(with_telemetry, "location", 2024015) if row["driver_number"] == 1]
    cars = [row for row in telemetry(with_telemetry, "car_data", 2024015) if row["driver_number"] == 1]
    assert (places[0]["x"], places[0]["y"], places[0]["z"]) == (0, 0, 0)
    moved = next(i for i, row in enumerate(places) if row["x"])
    assert all((row["x"], row["y"], row["z"]) != (0, 0, 0) for row in places[moved:])
    assert not {row["date"] for row in places} & {row["date"] for row in cars}


def test_telemetry_is_sampled_at_3_7_hz_unless_thinned(tmp_path: Path, with_telemetry: Path) -> None:
    rows = [row for row in telemetry(with_telemetry, "location", 2024015) if row["driver_number"] == 1]
    times = [datetime.fromisoformat(row["date"]) for row in rows]
    assert {round((b - a).total_seconds(), 3) for a, b in pairwise(times)} == {0.27 * 20}


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [((1999, 1), "season 1999"), ((2024, 0), "not 0"), ((2024, 25), "24 meetings, not 25")],
)
def test_invalid_arguments_are_refused_in_one_line(tmp_path: Path, arguments: Any, cause: str) -> None:
    with pytest.raises(GenerateError, match=cause) as caught:
        generate(tmp_path, *arguments)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_recorded_rows_are_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "sessions").mkdir()
    (tmp_path / "sessions" / "2024.json").write_bytes(b'[{"session_key":9606}]')
    with pytest.raises(GenerateError, match="not generated"):
        generate(tmp_path, 2024, 1)
    assert (tmp_path / "sessions" / "2024.json").read_bytes() == b'[{"session_key":9606}]'


def test_a_generated_season_is_served(season: Season) -> None:
    with ReplayServer(season.folder) as server:
        rows = requests.get(f"{server.url}/sessions?session_name=Race&year=2025", timeout=10).json()
        assert [row["circuit_short_name"] for row in rows] == ["Melbourne", "Shanghai", "Suzuka"]
        latest = requests.get(f"{server.url}/session_result?session_key=latest&position=1", timeout=10).json()
    assert latest[0]["session_key"] == rows[-1]["session_key"]
