"""Budgets: a load stops before it exceeds one, with one line, and the next load resumes without repeating a request."""

import json
import re
from pathlib import Path

import pytest

from f1_lakehouse.budget import Budget
from f1_lakehouse.settings import Settings
from f1_lakehouse.sources.errors import BudgetError


def test_requests_and_minutes_are_allowed_up_to_the_budget(tmp_path):
    now = 100.0
    budget = Budget(Settings(lakehouse_root=tmp_path, budget_requests=3, budget_minutes=2), clock=lambda: now)
    budget.spend_request()
    now += 119
    budget.spend_request()
    now += 1
    with pytest.raises(BudgetError, match="2 minutes per run is spent"):
        budget.spend_request()
    now -= 10
    few = Budget(Settings(lakehouse_root=tmp_path, budget_requests=3), clock=lambda: now)
    for _ in range(3):
        few.spend_request()
    with pytest.raises(BudgetError, match="3 requests per run is spent"):
        few.spend_request()
    assert few.requests == 3


def test_disk_is_measured_periodically(tmp_path):
    now = 0.0
    budget = Budget(Settings(lakehouse_root=tmp_path, budget_disk_gb=0.000001), clock=lambda: now)
    budget.spend_request()
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "answer").write_bytes(b"x" * 1000)
    now = 9.0
    budget.spend_request()
    now = 10.0
    with pytest.raises(BudgetError, match="1e-06 GB of disk is spent"):
        budget.spend_request()


def test_without_budgets_everything_is_allowed(tmp_path):
    budget = Budget(Settings(lakehouse_root=tmp_path))
    budget.requests = 10**9
    budget.spend_request()


@pytest.mark.parametrize("name", ["F1_BUDGET_REQUESTS", "F1_BUDGET_MINUTES", "F1_BUDGET_DISK_GB"])
def test_every_budget_is_documented_and_a_setting(name):
    assert re.search(name, (Path(__file__).parents[2] / "docs" / "deployment.md").read_text())
    assert name.removeprefix("F1_").lower() in Settings.model_fields


def test_pull_as_json_has_its_fields(capsys):
    import logging

    from f1_lakehouse.observability.log_output import JsonFormatter

    record = logging.makeLogRecord(
        {"msg": "%s done", "args": ("laps",), "levelno": 20, "levelname": "INFO", "event": "pull"}
    )
    record.pull = Path("somewhere")
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    handler.handle(record)
    entry = json.loads(capsys.readouterr().err)
    assert (entry["message"], entry["level"], entry["event"], entry["pull"]) == (
        "laps done",
        "info",
        "pull",
        "somewhere",
    )
