"""The pit wall on the page of a race, and the page of the scorecard, from forecasts that the test writes."""

import re

import pytest
from gold_tables import GoldTables, build

from f1_lakehouse.strategy.tables import tables_schema


@pytest.fixture
def forecasts(race: GoldTables) -> GoldTables:
    """The race of two drivers with forecasts of laps 4 to 6."""
    for table, schema in tables_schema().items():
        kinds = {"int32": "integer", "double": "double", "string": "varchar", "bool": "boolean"}
        race.run(
            f"create table {table} ({', '.join(f'{field.name} {kinds[str(field.type)]}' for field in schema)})"
        )
    times = {
        f"time_to_finish_stop_{option}{end}_s": 500.0 + n + shift
        for n, option in enumerate(("now", "in_3_laps", "in_5_laps", "in_10_laps"))
        for end, shift in (("", 0.0), ("_low", -9.0), ("_high", 12.5))
    }
    race.insert(
        "pit_wall",
        [
            {
                "session_key": 103, "season": 2025, "driver_number": driver, "lap_number": lap, "position": position,
                "has_stopped": driver == 81 and lap == 5, "stop_chance": 0.04, "pit_loss_s": 21.5, "rejoin_position": 2,
                "undercut_chance_answer_1_laps": 0.61 if driver == 81 else None, **times,
            }
            for position, driver in ((1, 4), (2, 81))
            for lap in (4, 5, 6)
        ],
    )  # fmt: skip
    line = {
        "season": "all", "forecast": "time of the next clean lap", "population": "p", "metric": "mae", "races": 37, "n": 100,
        "baseline_name": "mean of three", "baseline": 0.4, "model": 0.35, "difference": 0.05, "difference_low": 0.04,
        "difference_high": 0.06,
    }  # fmt: skip
    race.insert(
        "strategy_scorecard",
        [
            {**line, "claim": "lap_time_1_ahead", "verdict": "better than mean of three"},
            {
                **line, "claim": "stop_hazard", "forecast": "chance of a stop", "metric": "log_loss", "baseline_name": "share",
                "difference_low": -0.01, "verdict": "no better than share",
            },
            {**line, "claim": "other", "baseline_name": "last lap", "verdict": "better than last lap"},
        ],
    )  # fmt: skip
    race.insert(
        "strategy_calibration",
        [
            {
                "claim": "stop_hazard",
                "season": "all",
                "bin": n,
                "n": 50,
                "forecast": n / 20,
                "observed": n / 19,
            }
            for n in (1, 2)
        ],
    )
    return race


def test_race_shows_timeline_replay_choices_and_record(forecasts: GoldTables):
    done = build(forecasts.settings)
    assert done.failed == {}
    [address] = [one for one in done.written if "race-103" in one]
    page = (done.folder / address).read_text("utf-8")
    for name in ("pit-wall-timeline", "pit-wall-replay", "pit-wall-choices"):
        assert f'id="{name}"' in page
    assert page.count('"label":"4","method":"restyle"') == 2
    assert '"array":[12.5,12.5]' in page
    assert "61 %" in page
    assert "no better" in page
    assert "../strategy.html" in page


def test_scorecard_has_a_page_with_calibration_and_a_link(forecasts: GoldTables):
    done = build(forecasts.settings)
    assert "strategy.html" in done.written
    page = (done.folder / "strategy.html").read_text("utf-8")
    assert 'id="calibration-stop-hazard"' in page
    assert re.search(r"0\.040 to 0\.060", page)
    # Two comparisons of one forecast have different names in their rows, and no score is an abbreviation.
    for name in ("mean of three", "last lap"):
        assert f'<th scope="row">Time of the next clean lap, against: {name}<td>better' in page
    assert '<th scope="row">Chance of a stop, against: share<td>no better' in page
    assert "<td>log loss of the chances; smaller is better" in page
    assert "log_loss" not in page
    assert "<h3>Chance of a stop</h3>" in page
    assert "strategy.html" in (done.folder / "data.html").read_text("utf-8")


def test_new_record_renders_races_and_scorecard_again(forecasts: GoldTables):
    build(forecasts.settings)
    assert build(forecasts.settings).written == []
    forecasts.run("update strategy_scorecard set model = 0.3")
    written = build(forecasts.settings).written
    assert "strategy.html" in written
    assert any("race-103" in one for one in written)


def test_lake_without_forecasts_has_no_section_and_no_page(race: GoldTables):
    done = build(race.settings)
    assert "strategy.html" not in done.written
    [address] = [one for one in done.written if "race-103" in one]
    assert "pit-wall" not in (done.folder / address).read_text("utf-8")
