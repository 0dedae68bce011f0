"""How a run of a command in this process ends on a signal. (Complete commands: tests/e2e/test_cli.py.)"""

import dagster as dg
import pytest

from f1_lakehouse import interrupts
from f1_lakehouse.runs import run_job


def test_run_is_canceled_if_dagster_receives_the_signal_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that notes the signal may be late on a busy machine."""
    canceled: list[str] = []
    monkeypatch.setattr(run_job, "free_slots", lambda _, run_id: canceled.append(run_id))
    with (
        dg.DagsterInstance.ephemeral() as instance,
        pytest.raises(interrupts.Interrupted),
        run_job._canceled_if_interrupted(instance, "a-run"),
    ):
        raise dg.DagsterExecutionInterruptedError
    assert canceled == ["a-run"]
