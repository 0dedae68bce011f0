"""The outcome of a pull, given the earlier pulls of its partition: new rows, the same rows, or no rows.

Nothing is written here (bronze.py).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from f1_lakehouse.storage.parsing import Batch
from f1_lakehouse.storage.pull_log import Outcome, Pull


def decide_outcome(
    batch: Batch, digest: str, last: Pull | None, current: Pull | None, *, force: bool
) -> tuple[Outcome, str | None]:
    """Decide the outcome of a pull, and its error if every row was refused.

    Args:
        batch: the rows of the pull.
        digest: their fingerprint.
        last: the newest answered pull of the partition.
        current: the current pull of the partition, whose rows are valid now.
        force: accept an empty response where there were rows, without a second pull.
    """
    if batch.table.num_rows == 0 and batch.rejected:
        error = f"every row was refused: {batch.rejected[0].reason}"
        if len(batch.rejected) > 1 or (current is not None and current.rows):
            return Outcome.FAILED, error
        # One odd row where there was none: another pull would return it again, and the load must continue.
        same = current is not None and current.sha256 == digest
        return (Outcome.UNCHANGED if same else Outcome.EMPTY), error
    if batch.table.num_rows == 0:
        return _outcome_of_nothing(last, current, force), None
    if current is not None and current.sha256 == digest:
        return Outcome.UNCHANGED, None
    return Outcome.APPENDED, None


def _outcome_of_nothing(last: Pull | None, current: Pull | None, force: bool) -> Outcome:
    if current is None or last is None:
        return Outcome.EMPTY
    if current.rows == 0:
        return Outcome.UNCHANGED
    if force or last.outcome == Outcome.EMPTY_UNCONFIRMED:
        return Outcome.EMPTIED
    return Outcome.EMPTY_UNCONFIRMED


def was_refused_before(history: Sequence[Pull], digest: str) -> bool:
    """Return whether the last applied pull was refused with the same rows, which are in quarantine under its id."""
    last = next((pull for pull in reversed(history) if pull.is_applied), None)
    return last is not None and last.outcome == Outcome.FAILED and last.sha256 == digest


def time_after(history: Sequence[Pull], at: datetime) -> datetime:
    """Return the time of a pull log entry: never before the last one of its partition, even if the clock went backwards."""
    return max(at, history[-1].at + timedelta(microseconds=1)) if history else at
