"""What a training publishes, what a failed one leaves, and what `f1 strategy` reads."""

import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from generated_races import LAPS, generated_races
from independent_score import score_lake

from f1_lakehouse.publishing.forecast_tables import FORECAST_TABLES, add_forecasts, publish_forecasts
from f1_lakehouse.publishing.gold_file import PublishError, connect_gold
from f1_lakehouse.session_names import SessionNameError
from f1_lakehouse.settings import Settings
from f1_lakehouse.site.strategy import SCORES
from f1_lakehouse.strategy import training
from f1_lakehouse.strategy.race_data import StrategyError
from f1_lakehouse.strategy.reading import StrategyReadError, find_race, rows_of, wall_at, what_if
from f1_lakehouse.strategy.registry import MODELS
from f1_lakehouse.strategy.training import (
    load_data,
    open_store,
    publish_training,
    rescore,
    train,
    train_models,
)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Published gold with generated races, trained once."""
    settings = Settings(lakehouse_root=tmp_path_factory.mktemp("lake"))
    races = generated_races()
    with duckdb.connect(str(settings.gold)) as con:
        con.register(
            "laps", races.laps.drop("line_s", "compound_code", "status_code", "after_stops").to_arrow()
        )
        con.register("results", races.results.to_arrow())
        con.execute("create table lap_features as select * from laps")
        con.execute("create table fact_results as select *, 'Race' as session_category from results")
        con.execute(
            "create table dim_sessions as select distinct session_key, session_key as meeting_key, season, "
            "replace(meeting_name, 'Race', 'Town') as meeting_name, 'Race' as session_category, 'Race' as session_name, "
            "session_date as date_start, 'Town' as location, 'Land' as country_name, 'LND' as country_code, "
            "'Ring' as circuit_short_name, session_key - 100 as round_number, false as is_cancelled from laps"
        )
        con.execute("create schema meta")
        con.execute(
            "create table meta.publication as select '7' as bronze_version, now()::timestamp as published_at, "
            "'1' as code_version, '{}'::json as tables, null as digest, null::timestamp as bronze_seen_at"
        )
    return settings


@pytest.fixture(scope="module")
def trained(lake: Settings) -> Settings:
    train(lake)
    return lake


@pytest.fixture
def con(trained: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect_gold(trained) as opened:
        yield opened


def test_training_publishes_its_tables_with_descriptions_and_versions(
    trained: Settings, con: duckdb.DuckDBPyConnection
):
    found = {name for (name,) in con.execute("select table_name from duckdb_tables()").fetchall()}
    assert set(FORECAST_TABLES) <= found
    undescribed = con.execute(
        "select table_name, column_name from duckdb_columns() where comment is null and table_name in "
        f"{FORECAST_TABLES}"
    ).fetchall()
    assert undescribed == []
    [(laps, walls)] = con.execute(
        "select (select count(*) from lap_features), (select count(*) from pit_wall)"
    ).fetchall()
    assert laps == walls
    assert set(open_store(trained).in_use()) == {model.name for model in MODELS}


def test_every_forecast_has_a_verdict_and_chances_a_calibration(con: duckdb.DuckDBPyConnection):
    rows = rows_of(con, "from strategy_scorecard")
    assert {model.name for model in MODELS} <= {row["claim"] for row in rows}
    assert {row["metric"] for row in rows} == SCORES.keys(), "the page has no words for a score"
    for row in rows:
        if row["difference_low"] is not None:
            assert row["verdict"].startswith(
                "better than" if row["difference_low"] > 0 else "no better than"
            ), row
    assert {row["claim"] for row in rows_of(con, "from strategy_calibration")} == {"stop_hazard", "undercut"}


def test_independent_score_finds_the_published_numbers(trained: Settings, tmp_path: Path):
    """independent_score.py recomputes cases, outcomes, baselines and scores; a number that is wrong is a finding."""
    copy = tmp_path / "gold.duckdb"
    shutil.copyfile(trained.gold, copy)
    with duckdb.connect(str(copy)) as con:
        scores = list(score_lake(con))
        assert len(scores) == 2 * 12 - 1, (
            "two lines per claim, of all races and of a season; the interval has one"
        )
        assert [finding for one in scores for finding in one.findings] == []
        for wrong in (
            "update strategy_scorecard set model = model - 0.001 where claim = 'lap_time_1_ahead'",
            "update strategy_scorecard set difference_low = 0.5 * difference_low where claim = 'pit_loss'",
            "update strategy_scorecard set calibration_error = calibration_error / 2",
            "update strategy_forecasts set target = target + 1 where claim = 'rejoin_position' and lap_number = 9",
            "delete from strategy_forecasts where claim = 'lap_time_5_ahead' and driver_number = 1",
            "update pit_wall set stop_chance = stop_chance + 0.1",
            "update strategy_forecasts set trained_until = '20991231-x' where claim = 'pit_loss'",
        ):
            con.execute("begin")
            con.execute(wrong)
            assert any(one.findings for one in score_lake(con)), wrong
            con.execute("rollback")


@pytest.mark.parametrize("where", ["pit_wall", "write_forecasts", "publish_forecasts"])
def test_failed_training_leaves_gold_and_models_in_use(
    trained: Settings, where: str, monkeypatch: pytest.MonkeyPatch
):
    before, used = trained.gold.read_bytes(), open_store(trained).in_use()

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    data, store = load_data(trained), open_store(trained)
    monkeypatch.setattr(training, where, fail)
    done = training.Training(versions={"undercut": "20200101-other"})
    monkeypatch.setattr(training, "tables", lambda *_: {})
    if where != "pit_wall":
        monkeypatch.setattr(training, "pit_wall", lambda *_: None)
    with pytest.raises(KeyboardInterrupt):
        publish_training(trained, data, store, done)
    assert trained.gold.read_bytes() == before
    assert open_store(trained).in_use() == used
    assert not list(trained.root.glob("*.partial*"))


def test_killed_fit_leaves_no_version(trained: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store = training.ModelStore(tmp_path)
    monkeypatch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        train_models(load_data(trained), store, MODELS[4:5], lambda *_: None)
    assert store.versions() == []
    [leftover] = tmp_path.glob("*/.*.partial")
    store.remove_leftovers()
    assert leftover.exists()
    leftover = leftover.replace(leftover.with_name(".20240101-a.99999999.partial"))
    store.remove_leftovers()
    assert not leftover.exists()


def test_training_and_transform_wait_for_each_other(trained: Settings, monkeypatch: pytest.MonkeyPatch):
    from f1_lakehouse.publishing import forecast_tables, publish

    lock = trained.root / "locks" / "publish.lock"
    seen = []

    def is_held(*_: object) -> dict[str, int]:
        with lock.open("w") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        seen.append(True)
        return {}

    monkeypatch.setattr(forecast_tables, "_publish_forecasts", is_held)
    monkeypatch.setattr(publish, "_publish", is_held)
    publish_forecasts(trained)
    publish.publish(trained)
    assert seen == [True, True]


def test_transform_keeps_the_forecasts(trained: Settings, tmp_path: Path):
    with duckdb.connect(str(tmp_path / "new.duckdb")) as con:
        rows = add_forecasts(con, trained, "new")
        assert set(rows) == set(FORECAST_TABLES)
        assert con.execute("select count(*) from pit_wall").fetchall() == [(rows["pit_wall"],)]


def test_training_again_publishes_the_same_rows_without_a_new_version_of_the_table(trained: Settings):
    from deltalake import DeltaTable

    uri = f"{trained.published_tables}/pit_wall"
    before = DeltaTable(uri).version()
    assert set(train(trained).fitted.values()) == {0}
    assert DeltaTable(uri).version() == before


def test_nothing_published_is_one_line(tmp_path: Path):
    empty = Settings(lakehouse_root=tmp_path)
    with pytest.raises(StrategyError, match="nothing is published yet"):
        train(empty)
    with pytest.raises(PublishError, match="nothing is published yet"):
        publish_forecasts(empty)


def test_spent_budget_ends_the_training(lake: Settings):
    with pytest.raises(StrategyError, match="F1_BUDGET_MINUTES"):
        train(Settings(lakehouse_root=lake.root, budget_minutes=1e-9))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("99999", "not on the pit wall"),
        ("nowhere", "nowhere"),
        ("ring 2023", "means 13 sessions"),
    ],
)
def test_unknown_or_ambiguous_race_is_one_line(con: duckdb.DuckDBPyConnection, words: str, message: str):
    with pytest.raises((StrategyReadError, SessionNameError), match=message):
        find_race(con, words)


def test_race_is_found_by_words_and_as_the_latest(con: duckdb.DuckDBPyConnection):
    assert find_race(con, "2023 round 12") == find_race(con, "town 12 race") == 112
    assert find_race(con, "latest") == 112


def test_lap_and_driver_that_are_not_there_are_named(con: duckdb.DuckDBPyConnection):
    assert [row["name_acronym"] for row in wall_at(con, 112, 10, "d03")] == ["D03"]
    with pytest.raises(StrategyReadError, match=f"no lap 60 .* last is {LAPS}"):
        wall_at(con, 112, 60, None)
    with pytest.raises(StrategyReadError, match="no driver XXX"):
        wall_at(con, 112, 10, "XXX")


def test_another_stop_lap_is_compared_with_the_one_made(con: duckdb.DuckDBPyConnection):
    [(driver, lap)] = con.execute(
        "select name_acronym, lap_number + 1 from pit_wall where session_key = 112 and has_stopped "
        "and time_to_finish_stop_in_3_laps_s is not null order by 2 limit 1"
    ).fetchall()
    same = what_if(con, 112, driver, lap)
    assert same.difference == 0
    later = what_if(con, 112, driver, lap + 2)
    assert later.from_lap == lap - 1
    assert later.low is not None
    assert later.low < later.instead < later.high
    with pytest.raises(StrategyReadError, match="more than 10 laps"):
        what_if(con, 112, driver, lap + 11)


def test_version_is_scored_again_on_later_races(trained: Settings):
    first = next(one for one in open_store(trained).versions() if one["name"] == "pit_loss")
    [line, *_] = rescore(trained, "pit_loss", first["version"])
    assert line["races"] == 9
    with pytest.raises(StrategyError, match="no such version"):
        rescore(trained, "pit_loss", "20230101-none")
    with pytest.raises(StrategyError, match="no model other"):
        rescore(trained, "other", "1")
