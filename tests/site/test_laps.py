"""Charts over laps and the comparison of two laps: what they are drawn from, also the files next to a page."""

import base64
import struct
from datetime import timedelta
from itertools import accumulate
from pathlib import Path

import orjson
from gold_tables import START, GoldTables, build
from test_site import RACE, figures, read, stamps

from f1_lakehouse.site.charts import MISSING, scaled
from f1_lakehouse.site.model import Session, neighbours
from f1_lakehouse.site.sections.comparison import packed_lap

FILES = "2025/paper-race-103"


def unpacked(packed: dict | list) -> list:
    """The integers of Plotly's base64."""
    if isinstance(packed, list):
        return packed
    content, kind = base64.b64decode(packed["bdata"]), {"i1": "b", "i2": "h"}[packed["dtype"]]
    return list(struct.unpack(f"<{len(content) // struct.calcsize(kind)}{kind}", content))


def laps_of(folder: Path, driver: int) -> list[dict]:
    """The content of the file of a driver."""
    head, content = (folder / FILES / f"{driver}.js").read_text().split("]=", 1)
    assert head == f"(window.f1Laps??={{}})[{driver}"
    return orjson.loads(content)


# Files next to a page


def test_files_have_every_sample_of_the_timed_laps_of_each_driver(race: GoldTables) -> None:
    race.telemetry("race", {4: {1: 200, 2: 180}, 81: {1: 190, 99: 150}})
    done = build(race.settings)
    assert done.failed == {}
    assert {path.name for path in (done.folder / FILES).iterdir()} == {"4.js", "81.js"}
    assert [lap["lap"] for lap in laps_of(done.folder, 81)] == [1]  # lap 99 has no time
    first, second = laps_of(done.folder, 4)
    assert (first["lap"], first["time"], first["tyres"], second["time"]) == (1, 90.0, "soft", 90.1)
    speeds = [first["start"] + one for one in accumulate(unpacked(first["v"]))]
    assert speeds == [200 + i % 3 for i in range(40)]
    assert list(accumulate(unpacked(first["t"]))) == [25 * i for i in range(40)]
    assert list(accumulate(unpacked(first["d"]))) == [round(i / 4 * 200 / 3.6) for i in range(40)]
    assert unpacked(first["throttle"]) == [-1, *range(1, 40)]
    assert unpacked(first["pedals"]) == [3 + i % 5 + (16 if i % 10 == 0 else 0) for i in range(40)]
    page = read(race, RACE)
    content = orjson.loads(page.split('id="compare"')[1].split('application/json">')[1].split("</script>")[0])
    assert [(one["label"], one["file"]) for one in content["drivers"]] == [
        ("NOR", "paper-race-103/4.js"),
        ("PIA", "paper-race-103/81.js"),
    ]
    assert len(page) < 150_000


def test_files_are_kept_rendered_again_and_removed_with_the_telemetry(race: GoldTables) -> None:
    race.telemetry("race", {4: {1: 200, 2: 180}, 81: {1: 190}})
    folder = build(race.settings).folder
    before = stamps(folder)
    assert build(race.settings).written == []
    assert stamps(folder) == before
    (folder / FILES / "4.js").unlink()
    build(race.settings)
    assert (folder / FILES / "4.js").exists()
    race.telemetry("race", {4: {1: 200, 2: 180}})
    assert build(race.settings).written == [RACE]
    assert [path.name for path in (folder / FILES).iterdir()] == ["4.js"]
    race.run("delete from dim_sessions")
    assert RACE in build(race.settings).removed
    assert not (folder / FILES).exists()


def test_sample_without_a_signal_is_marked() -> None:
    samples = {
        "elapsed": [0, 25, 50],
        "distance": [0, 20, 40],
        "speed": [300, 310, 250],
        "throttle": [None, 104, 100],
        "brake": [100, None, 100],
        "n_gear": [None, 8, 99],
    }
    lap = packed_lap({"lap_number": 7, "lap_duration": 90.0, "compound": None}, samples)
    assert (lap["tyres"], unpacked(lap["throttle"]), unpacked(lap["pedals"])) == (
        "",
        [-1, -1, 100],
        [-1, 8, -1],
    )
    assert (lap["start"], unpacked(lap["v"])) == (300, [0, 10, -60])


# Charts over laps


def test_gaps_to_the_leader_are_those_of_gold(race: GoldTables) -> None:
    race.run(
        "update fact_laps set gap_to_leader_s = lap_number / 4.0 where driver_number = 81 and lap_number <> 3"
    )
    race.run("update fact_laps set gap_to_leader_s = 0 where driver_number = 4")
    build(race.settings)
    figure = figures(read(race, RACE))["gap-chart"]
    own = [unpacked(trace["y"]) for trace in figure["data"]]
    assert own[1][-1] == round(10 * (sum(91 + i / 10 for i in range(10)) - 900))
    leader, other = (unpacked(y) for y in figure["alternative"]["y"])
    assert leader == [0] * 10
    assert other == [MISSING if lap == 3 else round(lap * 2.5) for lap in range(1, 11)]
    layout = figure["alternative"]["layout"]
    assert layout["meta"]["scale"] == figure["layout"]["meta"]["scale"] == [10, 0]
    assert layout["yaxis"]["title"]["text"] == "Behind the leader, s"
    assert "to the leader" in layout["meta"]["hover"]


def test_lap_time_chart_has_every_lap_but_the_slow_ones(race: GoldTables) -> None:
    race.run("update fact_laps set lap_duration = 130 where lap_number = 5 and driver_number = 4")
    race.run("update fact_laps set compound = 'HARD' where lap_number > 5")
    build(race.settings)
    figure = figures(read(race, RACE))["lap-times-chart"]
    per, start = figure["layout"]["meta"]["scale"]
    first, mate = figure["data"]
    times = [None if one == MISSING else one / per + start for one in unpacked(first["y"])]
    assert times == [None if i == 4 else round(90 + i / 10, 3) for i in range(10)]
    circle, diamond, unknown, is_open = 0, 2, 4, 100
    assert first["marker"]["symbol"] == [circle] * 4 + [unknown] + [diamond] * 5
    race.run("update dim_drivers set team_id = 't4'")
    race.run("update fact_results set team_id = 't4'")
    build(race.settings)
    mate = figures(read(race, RACE))["lap-times-chart"]["data"][1]
    assert mate["marker"]["symbol"] == [circle + is_open] * 5 + [diamond + is_open] * 5


def test_effect_of_fuel_is_taken_out_of_the_degradation(race: GoldTables) -> None:
    race.driver(30, label="HIR")
    race.laps("race", 30, [95.0 + i / 10 for i in range(10)], position=3)
    build(race.settings)
    chart = figures(read(race, RACE))["degradation-chart"]
    [raw] = chart["data"]
    assert (raw["y"][0], raw["y"][-1]) == (-0.45, 0.45)
    assert "a level line already means wear" in read(race, RACE)
    effects = {"session_key": 103, "fuel_and_track_effect_s": 0.1, "fuel_and_track_standard_error_s": 0.01}
    race.insert("race_effects", [effects | {"soft_wear_s_per_lap": 0.05}])
    build(race.settings)
    area, line, points = figures(read(race, RACE))["degradation-chart"]["data"]
    assert points["y"] == [0.0] * 10
    assert line["y"] == [-0.225, 0.225]
    assert line["hovertemplate"].startswith("SOFT: +0.050 s per lap, +0.030 to +0.070")
    assert [
        round(high - low, 3) for low, high in zip(area["y"][:3], reversed(area["y"][3:]), strict=True)
    ] == [
        -0.176,
        0,
        0.176,
    ]
    assert "+0.100 ± 0.020 s per lap of the race" in read(race, RACE)


def test_missing_values_are_packed_with_the_others() -> None:
    assert unpacked(scaled([1.25, None, -3.0], 10)) == [12, MISSING, -30]
    assert scaled([1.0, 5000.0], 10) == [10, 50_000]
    assert scaled([1.0, None, 5000.0], 10) == [10, None, 50_000]
    assert unpacked(scaled([90.5, 91.0], 1000, 90)) == [500, 1000]


# Neighbours


def session(key: int, category: str, name: str, *, cancelled: bool = False) -> Session:
    at = START + timedelta(days=key)
    return Session(at, key, 2025, 1, key, f"GP {key}", name, category, "", "", "gp", cancelled, None)


def test_neighbours_are_of_the_same_kind_and_took_place() -> None:
    found = neighbours(
        [
            session(1, "Practice", "Practice 1"),
            session(2, "Practice", "Practice 2"),
            session(3, "Race", "Race"),
            session(4, "Race", "Race", cancelled=True),
            session(5, "Practice", "Practice 1"),
            session(6, "Race", "Race"),
        ]
    )
    keys = {key: tuple(one and one.key for one in pair) for key, pair in found.items()}
    assert keys == {1: (None, 5), 2: (None, None), 3: (None, 6), 5: (1, None), 6: (3, None)}


def test_race_links_to_the_next_one_as_soon_as_it_has_a_page(race: GoldTables) -> None:
    build(race.settings)
    assert "Sprint →" not in read(race, RACE)
    race.weekend("sprint", name="Next Grand Prix")
    race.run("update dim_meetings set meeting_key = 11 where meeting_name = 'Next Grand Prix'")
    race.run(
        "update dim_sessions set session_category = 'Race', meeting_key = 11, date_start = date '2025-06-01' "
        "where session_key = 101"
    )
    race.results("sprint", {"driver_number": 4})
    build(race.settings)
    assert '<a href="../2025/paper-sprint-101.html">Next: Sprint →</a>' in read(race, RACE)
    assert '<a href="../2025/paper-race-103.html">← Paper: Race</a>' in read(
        race, "2025/paper-sprint-101.html"
    )
