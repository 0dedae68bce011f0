"""One pull, from the question to the ledger: client → landing → bronze.

The only place where the API and the lake meet. No Dagster here; `defs/` calls it for each partition.
"""

import contextlib
import fcntl
import logging
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.sources.openf1.calendar import Session
from f1_lakehouse.sources.openf1.endpoints import Endpoint
from f1_lakehouse.sources.openf1.errors import OpenF1Error
from f1_lakehouse.storage import parsing
from f1_lakehouse.storage.landing import LandingError, OpenPull, StoredResponse, new_pull_id, seconds_waited
from f1_lakehouse.storage.pull_log import Pull

log = logging.getLogger(__name__)

LOCKS = 64


class PullError(F1LakehouseError):
    """A pull got no usable answer. It is in the ledger as failed, what had landed is kept, and it can be resumed."""

    def __init__(self, message: str, pull: Pull) -> None:
        super().__init__(message)
        self.pull = pull


def pull(
    lake: Lake,
    endpoint: Endpoint,
    scope: Session | int,
    *,
    why: str,
    run_id: str | None = None,
    force: bool = False,
) -> Pull:
    """Ask for one endpoint of one session (or season) and bring the answers into bronze.

    Goes on with an unfinished pull of the same question, and asks for nothing that it already has. If another process
    is pulling the same, its answer is waited for and taken.

    Args:
        lake: where to.
        endpoint: which.
        scope: the session; for season endpoints the year.
        why: the reason, for the record.
        run_id: the run that does it, for the record.
        force: believe an empty answer where rows were.

    Raises:
        PullError: no usable answer; recorded as failed.
    """
    key = scope.key if isinstance(scope, Session) else scope
    asked_at = _now()
    with _alone(lake, endpoint, key) as waited:
        done = lake.bronze.ledger.last_answer(endpoint.name, key)
        if waited and not force and done is not None and done.at > asked_at:
            return done  # who was at it meanwhile has answered the question
        return _pull(lake, endpoint, scope, key, why, run_id, force)


@contextlib.contextmanager
def _alone(lake: Lake, endpoint: Endpoint, key: int) -> Iterator[bool]:
    """Hold off other processes that pull the same; whether there was one to wait for.

    Two that pull at the same time would both find that bronze lacks the rows, each under an id of its own. The lock
    goes with the process that holds it, however that ends. A few files do for all questions: that two questions share
    one now and then costs a wait.
    """
    with _lock(lake.settings.root, zlib.crc32(f"{endpoint.name}/{key}".encode()) % LOCKS).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            waited = False
        except BlockingIOError:
            log.info("%s %s: another process is at it, waiting", endpoint.name, key)
            fcntl.flock(file, fcntl.LOCK_EX)
            waited = True
        yield waited


@contextlib.contextmanager
def no_pulls(root: Path) -> Iterator[None]:
    """Hold off every pull of the lake at `root`, once those at work are done; for what sets bronze back or rebuilds it."""
    with contextlib.ExitStack() as held:
        for number in range(LOCKS):
            file = held.enter_context(_lock(root, number).open("w"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _lock(root: Path, number: int) -> Path:
    folder = root / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{number}.lock"


def _pull(
    lake: Lake,
    endpoint: Endpoint,
    scope: Session | int,
    key: int,
    why: str,
    run_id: str | None,
    force: bool,
) -> Pull:
    season = scope.season if isinstance(scope, Session) else scope
    began, retried = time.monotonic(), lake.client.retries
    started = _now()
    pull_id, answers = new_pull_id(started, endpoint.name, key), list[StoredResponse]()
    try:
        landed_before = recover(lake, endpoint, key, run_id=run_id)
        if landed_before is not None and not force:
            return landed_before
        open_pull = lake.landing.begin(endpoint.name, key, season, started, why)
        pull_id, started, answers = open_pull.pull_id, open_pull.started_at, open_pull.answers
        batches = _ask(lake, endpoint, scope, key, open_pull)
    except (OpenF1Error, LandingError, parsing.BodyError) as error:
        failed = lake.bronze.fail(
            endpoint,
            key,
            season,
            pull_id,
            started,
            _now(),
            why=why,
            run_id=run_id,
            error=f"{type(error).__name__}: {error}",
            requests=len(answers),
            seconds=round(time.monotonic() - began, 3),
            waited_s=seconds_waited(answers),
            retries=lake.client.retries - retried,
        )
        _report(endpoint, scope, failed)
        raise PullError(str(error), failed) from error
    manifest = open_pull.commit(_now(), forced=force)
    done = lake.bronze.apply(
        manifest,
        batches,
        force=force,
        run_id=run_id,
        seconds=time.monotonic() - began,
        retries=lake.client.retries - retried,
    )
    _report(endpoint, scope, done)
    if not done.is_answer:
        raise PullError(done.error or "no usable answer", done)
    return done


def recover(lake: Lake, endpoint: Endpoint, key: int, *, run_id: str | None = None) -> Pull | None:
    """Apply what landed but did not reach bronze, as after a crash; no request. The newest such pull, or None."""
    done: Pull | None = None
    for pull_id in lake.landing.pull_ids(endpoint.name, key):
        if lake.bronze.ledger.holds(pull_id, endpoint.name, key):
            continue
        manifest = lake.landing.finished(endpoint.name, key, pull_id)
        if manifest is not None:
            batches = lake.bronze.parse(lake.landing, manifest)
            done = lake.bronze.apply(manifest, batches, force=manifest.forced, run_id=run_id)
            log.info("%s %s: brought into bronze what had landed before", endpoint.name, key)
    return done if done is not None and done.is_answer else None


def _ask(
    lake: Lake, endpoint: Endpoint, scope: Session | int, key: int, open_pull: OpenPull
) -> list[tuple[str, parsing.Batch]]:
    """The typed rows of every answer of a pull: those that had landed, then those that are still to be asked."""
    extra = lake.bronze.extra_columns(endpoint)
    batches = [
        (answer.url, parsing.parse(endpoint, lake.landing.body(open_pull.folder, answer), extra, key))
        for answer in open_pull.answers
        if answer.has_rows
    ]
    asked = lake.client.answers(
        endpoint,
        session_key=key if isinstance(scope, Session) else None,
        season=None if isinstance(scope, Session) else key,
        drivers=lake.drivers(key) if endpoint.by_driver else (),
        window=(scope.start, scope.end) if isinstance(scope, Session) else None,
        known=open_pull.known,
        read=partial(parsing.decode, endpoint),
    )
    for answer in asked:
        if open_pull.add(answer).has_rows:
            batches.append((answer.url, parsing.parse_rows(endpoint, answer.content, extra, key)))
    return batches


def _report(endpoint: Endpoint, scope: Session | int, done: Pull) -> None:
    """Tell whoever listens (the command line draws progress from it)."""
    name = scope.partition if isinstance(scope, Session) else str(scope)
    log.info(
        "%s of %s: %s, %d rows",
        endpoint.name,
        name,
        done.outcome,
        done.rows,
        extra={"event": "pull", "pull": done},
    )


def _now() -> datetime:
    return datetime.now(UTC)
