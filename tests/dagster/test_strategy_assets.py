"""The job `train`: what is in it, when it is requested, and what is shown without the extra."""

from pathlib import Path

import dagster as dg
import orjson
import pytest

from f1_lakehouse.definitions import defs
from f1_lakehouse.defs import strategy
from f1_lakehouse.settings import Settings
from f1_lakehouse.strategy.versions import MODELS


def test_transform_does_not_train_and_train_does_not_transform():
    repository = defs().get_repository_def()
    keys = {
        name: {key.to_user_string() for key in repository.get_job(name).asset_layer.executable_asset_keys}
        for name in ("train", "transform")
    }
    assert keys["train"] == {f"strategy/{name}" for name in (*MODELS, "pit_wall", "strategy_scorecard")}
    assert not {key for key in keys["transform"] if key.startswith("strategy/")}


def test_training_has_a_pool_of_its_own():
    assert {spec.key.path[-1] for spec in strategy.strategy_models.specs} >= set(MODELS)
    assert strategy.strategy_models.op.pool == "training"


def test_training_is_due_for_a_race_that_no_model_in_use_has_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settings = Settings(lakehouse_root=tmp_path)
    assert strategy.why_train(settings) is None
    monkeypatch.setattr(strategy, "newest_race", lambda _: "2024-09-22")
    assert strategy.why_train(settings) == "race of 2024-09-22"
    version = settings.models / "undercut" / "20240922-a"
    version.mkdir(parents=True)
    metadata = {"name": "undercut", "version": "20240922-a", "split": {"last_race": "2024-09-22"}}
    (version / "metadata.json").write_bytes(orjson.dumps(metadata))
    (version / "metrics.json").write_bytes(b"{}")
    assert strategy.why_train(settings) == "race of 2024-09-22"
    (settings.models / "in_use.json").write_bytes(orjson.dumps({"undercut": "20240922-a"}))
    assert strategy.why_train(settings) is None
    monkeypatch.setattr(strategy, "newest_race", lambda _: "2024-10-20")
    assert strategy.why_train(settings) == "race of 2024-10-20"


def test_missing_extra_is_a_failure_with_the_command(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(strategy, "has_extra", lambda: False)
    found = dg.materialize(
        [strategy.strategy_models], resources={"lake": strategy.LakeResource()}, raise_on_error=False
    )
    assert not found.success
    [event] = found.get_step_failure_events()
    assert "pip install 'f1-lakehouse[strategy]'" in str(event.step_failure_data.user_failure_data)
