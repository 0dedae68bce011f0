"""The models on races with known pace and wear: what they recover, what they may not see, and that training repeats."""

import re
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from generated_races import LAPS, NOISE_S, PIT_LOSS_S, generated_races, true_lap_s

from f1_lakehouse import strategy
from f1_lakehouse.strategy.artifacts import ModelStore
from f1_lakehouse.strategy.pit_wall import pit_wall
from f1_lakehouse.strategy.race_data import KEY, RaceData, StrategyError, from_frames, read_races
from f1_lakehouse.strategy.registry import MODELS
from f1_lakehouse.strategy.rolling import MIN_RACES, roll
from f1_lakehouse.strategy.scorecard import scored_rows
from f1_lakehouse.strategy.scoring import score
from f1_lakehouse.strategy.stops import recalibrate
from f1_lakehouse.strategy.training import Training, train_models
from f1_lakehouse.strategy.versions import MODELS as LISTED

BY_NAME = {model.name: model for model in MODELS}


@pytest.fixture(scope="module")
def data() -> RaceData:
    return generated_races()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def trained(data: RaceData, folder: Path) -> Training:
    return train_models(data, ModelStore(folder), MODELS, lambda *_: None)


def test_registry_has_the_names_that_are_listed_without_the_extra():
    assert [model.name for model in MODELS] == list(LISTED)


def test_each_model_comes_after_those_it_needs():
    names = [model.name for model in MODELS]
    assert all(names.index(need) < names.index(model.name) for model in MODELS for need in model.needs)


def test_true_pace_and_wear_are_recovered(data: RaceData, trained: Training):
    forecasts = trained.forecasts["lap_time_5_ahead"].filter(
        pl.col("prediction").is_not_null() & pl.col("target").is_not_null()
    )
    rows = forecasts.join(data.laps.select(*KEY, "compound"), on=KEY)
    truth = np.array(
        [
            true_lap_s(r["driver_number"], r["lap_number"] + 5, r["compound"], r["tyre_age_laps"] + 5)
            for r in rows.iter_rows(named=True)
        ]
    )
    assert np.abs(rows["prediction"].to_numpy() - truth).mean() < 0.12
    assert np.abs(rows["reference"].to_numpy() - truth).mean() > 0.3


def test_true_pit_loss_is_recovered(trained: Training):
    losses = trained.forecasts["pit_loss"].filter(pl.col("prediction").is_not_null())["prediction"]
    assert losses.mean() == pytest.approx(PIT_LOSS_S, abs=1.0)


def test_rejoin_is_within_one_position_and_beats_its_baseline(trained: Training):
    lines = {(line["claim"], line["season"]): line for line in trained.lines}
    assert lines["rejoin_within_one", "all"]["model"] > 0.75
    assert lines["rejoin_position", "all"]["verdict"].startswith("better than")


def test_races_before_the_minimum_have_no_forecast(data: RaceData, trained: Training):
    first = data.races["session_key"].to_list()[:MIN_RACES]
    early = trained.forecasts["lap_time_1_ahead"].filter(pl.col("session_key").is_in(first))
    assert early.height > 0
    assert early["prediction"].null_count() == early.height


def test_forecast_of_a_race_does_not_depend_on_later_races(data: RaceData, trained: Training, tmp_path: Path):
    kept = data.races.head(9)["session_key"]
    shorter = RaceData(
        *(
            frame.filter(pl.col("session_key").is_in(kept.to_list()))
            for frame in (data.laps, data.results, data.races)
        )
    )
    for name in ("stop_hazard", "undercut", "finishing_order_25"):
        model = BY_NAME[name]
        found = roll(model, shorter, {}, ModelStore(tmp_path)).forecasts
        full = trained.forecasts[name].filter(pl.col("session_key").is_in(kept.to_list()))
        assert found.select(*KEY, "prediction").sort(KEY).equals(full.select(*KEY, "prediction").sort(KEY)), (
            name
        )


GIVEN = {"new_compound_code", "answer_laps"}
"""Features that are given and not forecast: the compound that is fitted, and the laps until the answer."""


def cut_off(data: RaceData, race: int, lap: int, is_changed: bool) -> RaceData:
    """Return what is known when the first car completes a lap of a race: no later laps and races, and of its results only the grid.

    `is_changed`: give what is decided later about the newest lap of each car another value.
    """
    keys = data.races["session_key"].to_list()
    here, later = pl.col("session_key") == keys[race], pl.col("session_key").is_in(keys[race + 1 :])
    end = data.laps.filter(here & (pl.col("lap_number") == lap))["line_s"].min()
    laps = data.laps.filter(~later & (~here | (pl.col("line_s") <= end)))
    newest = here & (pl.col("lap_number") == pl.col("lap_number").max().over("session_key", "driver_number"))
    laps = laps.with_columns(
        pl.when(newest & is_changed).then(~pl.col(name)).otherwise(name).alias(name)
        for name in ("hindsight_is_in_lap", "hindsight_is_clean_lap")
    )
    prepared = [name for name in laps.columns if name.startswith("after_")]
    grid = ("session_key", "driver_number", "driver_id", "team_id", "grid_position")
    results = data.results.filter(~later).with_columns(
        pl.when(~here).then(name).alias(name) for name in data.results.columns if name not in grid
    )
    return from_frames(laps.drop(*prepared, "line_s", "compound_code", "status_code"), results)


@pytest.mark.parametrize("is_changed", [False, True])
def test_features_do_not_change_when_later_laps_are_cut_off(
    data: RaceData, trained: Training, is_changed: bool
):
    """Features and the rows that have a forecast are those of the complete races; the target of a newest lap is not known."""
    race, names = 9, data.races["session_key"].to_list()
    # In the generated races the fastest car always wins: here each race has another winner.
    places = (pl.col("position") + pl.col("session_key")) % 8 + 1
    data = replace(data, results=data.results.with_columns(places.cast(pl.Int32).alias("position")))
    cut = cut_off(data, race, 12, is_changed)
    keys = cut.laps.filter(pl.col("session_key") == names[race]).select(KEY)
    newest = keys.group_by("session_key", "driver_number").agg(pl.col("lap_number").max())
    known = {name: rows.join(cut.laps, on=KEY, how="semi") for name, rows in trained.forecasts.items()}
    assert keys.height > 60
    for model in MODELS:
        columns = [*KEY, *(name for name in model.features if name not in GIVEN and name not in KEY)]
        full, rows = model.rows(data, trained.forecasts), model.rows(cut, known)
        before, after = (
            some.join(keys, on=KEY, how="semi").select(columns).sort(KEY) for some in (full, rows)
        )
        assert before.equals(after), model.name
        targets = rows.join(newest, on=KEY, how="semi")["target"]
        assert targets.null_count() == len(targets), model.name


def test_features_of_models_are_no_hindsight():
    for model in MODELS:
        assert not [name for name in model.features if name.startswith(("hindsight_", "after_", "target"))], (
            model.name
        )


def test_forecasts_do_not_read_the_target(data: RaceData, trained: Training, folder: Path):
    store, last = ModelStore(folder), data.races["session_key"].to_list()[-1]
    for model in MODELS:
        rows = model.rows(data, trained.forecasts).filter(pl.col("session_key") == last)
        blind = rows.with_columns(pl.lit(None, pl.Float64).alias("target"))
        text = store.text(model.name, trained.versions[model.name])
        assert np.array_equal(model.predict(text, rows), model.predict(text, blind), equal_nan=True), (
            model.name
        )


def test_models_read_features_and_results_only():
    """An aggregate of a stint or a race, a profile or an effect of a race describes finished races."""
    with duckdb.connect() as con:
        con.execute("create table lap_features as select 'Race' as session_category limit 0")
        con.execute("create table fact_results as select 'Race' as session_category")
        with pytest.raises(StrategyError, match="no race with laps"):
            read_races(con)
    code = "".join(path.read_text("utf-8") for path in Path(strategy.__file__).parent.glob("*.py"))
    later = re.findall(
        r"\b(?:stint|race)_aggregates\b|\brace_effects\b|\bdriver_profiles\w*|\bcircuit_priors\b", code
    )
    assert later == []


def test_recalibration_of_a_race_does_not_see_that_race(trained: Training):
    raw = trained.forecasts["stop_hazard"].filter(pl.col("prediction").is_not_null())
    last = raw["session_key"].to_list()[-1]
    changed = raw.with_columns(
        pl.when(pl.col("session_key") == last).then(1 - pl.col("target")).otherwise("target").alias("target")
    )
    first, second = (
        recalibrate(rows).filter(pl.col("session_key") == last)["prediction"] for rows in (raw, changed)
    )
    assert first.equals(second)
    assert not first.equals(raw.filter(pl.col("session_key") == last)["prediction"])


def test_shuffled_targets_show_no_skill(data: RaceData, trained: Training, tmp_path: Path):
    model = BY_NAME["lap_time_1_ahead"]

    def shuffled(races: RaceData, earlier: object) -> pl.DataFrame:
        rows = model.rows(races, {})
        gain = rows["target"] - rows["pace_last_3_clean_s"]
        known = gain.is_not_null()
        mixed = gain.filter(known).shuffle(seed=7)
        return rows.filter(known).with_columns((pl.col("pace_last_3_clean_s") + mixed).alias("target"))

    blind = replace(model, name="shuffled", rows=shuffled)
    rows = scored_rows(roll(blind, data, {}, ModelStore(tmp_path)).forecasts)
    # Against the median of the differences, which is all that can be learned from targets in random order.
    middle = float((rows["target"] - rows["pace_last_3_clean_s"]).median())
    found = score(rows.with_columns((pl.col("pace_last_3_clean_s") + middle).alias("reference")), "mae")
    assert found is not None
    assert not found.is_better
    honest = score(scored_rows(trained.forecasts[model.name]), "mae")
    assert honest is not None
    assert honest.is_better


def test_gain_that_some_races_contradict_is_no_better():
    rows = pl.DataFrame({"session_key": range(10), "target": [0.0] * 10, "reference": [1.0] * 10})
    mixed = rows.with_columns(pl.Series("prediction", [0.0, 1.9] * 5))
    found = score(mixed, "mae")
    assert found is not None
    assert found.difference == pytest.approx(0.05)
    assert found.low < 0 < found.high
    assert found.is_better is False
    assert score(rows.with_columns(prediction=pl.lit(0.5)), "mae").is_better
    assert score(rows.head(4).with_columns(prediction=pl.lit(0.5)), "mae").is_better is None


def test_planted_leak_is_seen_as_too_good(data: RaceData, trained: Training, tmp_path: Path):
    model = BY_NAME["lap_time_1_ahead"]

    def leaking(races: RaceData, earlier: object) -> pl.DataFrame:
        return model.rows(races, {}).with_columns(
            (pl.col("target") - pl.col("pace_last_3_clean_s")).alias("lag_2_s")
        )

    leak = replace(model, name="leak", rows=leaking)
    leaked = score(scored_rows(roll(leak, data, {}, ModelStore(tmp_path)).forecasts), "mae")
    honest = score(scored_rows(trained.forecasts[model.name]), "mae")
    assert leaked is not None
    assert honest is not None
    # No forecast can be better than the noise of a lap: 0.8 of its standard deviation.
    assert honest.model > 0.8 * NOISE_S
    assert leaked.model < 0.8 * NOISE_S


def test_training_again_fits_nothing_and_a_new_lake_gets_the_same_bytes(
    data: RaceData, trained: Training, folder: Path, tmp_path: Path
):
    names = ("lap_time_10_ahead", "pit_loss", "undercut")
    again = train_models(data, ModelStore(folder), tuple(BY_NAME[name] for name in names), lambda *_: None)
    assert set(again.fitted.values()) == {0}
    train_models(data, ModelStore(tmp_path), tuple(BY_NAME[name] for name in names), lambda *_: None)
    first = {
        path.relative_to(folder): path.read_bytes()
        for name in names
        for path in (folder / name).rglob("*.*")
        if path.name in ("model.txt", "metadata.json")
    }
    second = {
        path.relative_to(tmp_path): path.read_bytes()
        for path in tmp_path.rglob("*.*")
        if path.relative_to(tmp_path) in first
    }
    assert len(first) > 20
    assert first == second


def test_new_race_fits_only_its_own_version(data: RaceData, tmp_path: Path):
    kept = data.races.head(12)["session_key"].to_list()
    shorter = RaceData(
        *(frame.filter(pl.col("session_key").is_in(kept)) for frame in (data.laps, data.results, data.races))
    )
    store, model = ModelStore(tmp_path), BY_NAME["undercut"]
    roll(model, shorter, {}, store)
    assert roll(model, data, {}, store).fitted == 1


def test_pit_wall_has_every_lap_and_nulls_have_a_reason(data: RaceData, trained: Training, folder: Path):
    wall = pit_wall(data, trained.forecasts, ModelStore(folder))
    assert wall.height == data.laps.height
    known = wall.filter(pl.col("reason").is_null())
    assert known.height > 300
    assert known["rejoin_position"].null_count() == 0
    assert known["rejoin_position"].is_between(1, 8).all()
    assert (
        wall.filter(pl.col("reason").is_not_null())["rejoin_position"].null_count()
        == wall.height - known.height
    )
    last = wall.filter(pl.col("lap_number") == LAPS)
    assert set(last["reason"]) == {"no laps left, or the distance is not known"}


def test_later_stop_on_worn_tyres_is_forecast_from_the_same_lap(
    data: RaceData, trained: Training, folder: Path
):
    wall = pit_wall(data, trained.forecasts, ModelStore(folder)).filter(
        pl.col("time_to_finish_stop_now_s").is_not_null()
        & pl.col("time_to_finish_stop_in_5_laps_s").is_not_null()
    )
    assert wall.height > 20
    # 24 laps of about 90 s: whatever the strategy, the sums differ by seconds, not by laps.
    gap = (wall["time_to_finish_stop_in_5_laps_s"] - wall["time_to_finish_stop_now_s"]).abs()
    assert gap.max() < 20


def test_one_race_gives_a_reason_and_no_number(tmp_path: Path):
    one = generated_races(races=1)
    store = ModelStore(tmp_path)
    done = train_models(one, store, MODELS, lambda *_: None)
    wall = pit_wall(one, done.forecasts, store)
    assert done.versions == {}
    assert done.lines == []
    numbers = [
        name
        for name in wall.columns
        if name.endswith("_s") or "chance" in name or name.startswith("rejoin_position")
    ]
    assert all(wall[name].null_count() == wall.height for name in numbers)
    assert wall["reason"].null_count() == 0


def test_wet_tyres_end_the_forecasts(data: RaceData, trained: Training, folder: Path):
    key = data.races["session_key"].to_list()[-1]
    rain = (pl.col("session_key") == key) & (pl.col("lap_number") >= 5)
    wet = replace(
        data,
        laps=data.laps.with_columns(
            pl.when(rain).then(pl.lit("WET")).otherwise("compound").alias("compound")
        ),
    )
    wall = pit_wall(wet, trained.forecasts, ModelStore(folder)).filter(pl.col("session_key") == key)
    late = wall.filter((pl.col("lap_number") >= 6) & (pl.col("lap_number") < LAPS))
    assert set(late["reason"]) == {"wet race"}
    assert late["stop_chance"].null_count() == late.height
