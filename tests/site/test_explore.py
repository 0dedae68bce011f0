"""The notebook: it runs on a lake, and every documented question is one that it can put to a chosen race."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from gold_tables import GoldTables

NOTEBOOK = Path(__file__).parents[2] / "docs" / "explore.py"


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch, race: GoldTables) -> Any:
    pytest.importorskip("marimo", reason="the extra explore is not installed")
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(race.settings.root))
    spec = importlib.util.spec_from_file_location("explore", NOTEBOOK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_notebook_runs_a_question_and_draws_the_result(notebook: Any) -> None:
    _, names = notebook.app.run()
    assert names["race"].value == 103
    assert names["answer"].rows()[0][-1] == 1  # the most positions gained
    names["con"].close()


def test_documented_question_runs_for_a_chosen_race(notebook: Any) -> None:
    _, names = notebook.app.run()
    assert len(names["questions"]) >= 12
    for question, sql in names["questions"].items():
        chosen = names["about"](sql, 103)
        assert ("max(session_key) as session_key" in sql) == (chosen != sql), question
        names["con"].execute(chosen)
    names["con"].close()


def test_notebook_without_gold_shows_a_message(notebook: Any, race: GoldTables) -> None:
    race.settings.gold.unlink()
    outputs, _ = notebook.app.run()
    assert "Nothing is published" in str(outputs[0].text)
