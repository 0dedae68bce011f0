"""One pull, from its requests to the pull log: source → landing → bronze.

The only place where sources and storage meet. Does not belong here: Dagster; `defs/` calls `pull` for each partition.
"""

import contextlib
import fcntl
import logging
import time
import zlib
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.sources.catalog import Endpoint, Partition
from f1_lakehouse.sources.errors import InconsistentResponsesError, SourceError
from f1_lakehouse.sources.exchange import LandedResponse
from f1_lakehouse.storage import parsing
from f1_lakehouse.storage.landing import LandingError, OpenPull, StoredResponse, new_pull_id, seconds_waited
from f1_lakehouse.storage.pull_log import Pull

log = logging.getLogger(__name__)

LOCK_FILES = 64
"""A few lock files serve all partitions: two that share one now and then cost a wait."""


class PullError(F1LakehouseError):
    """A pull got no usable response. It is in the pull log as failed, landed responses are kept, and it can be resumed.

    `pull` is its row in the pull log; cause, URL and cure are those of the error that ended it.
    """

    def __init__(self, pull: Pull, cause: str, url: str = "", cure: str = "") -> None:
        super().__init__(cause, url, cure)
        self.args = (pull, cause, url, cure)
        self.pull = pull


def pull(
    lake: Lake,
    endpoint: Endpoint,
    partition: Partition,
    *,
    why: str,
    run_id: str | None = None,
    force: bool = False,
    known: Collection[Pull] | None = None,
) -> Pull:
    """Request one endpoint of one partition from its source and write the rows to bronze.

    Resumes an unfinished pull of the same endpoint and partition, and requests nothing that has landed. If another process
    pulls the same, this one waits and takes its result.

    Args:
        lake: the lake.
        endpoint: the endpoint; its source is taken from the lake.
        partition: a session, season or other partition of that endpoint.
        why: the reason, for the pull log.
        run_id: the run, for the pull log.
        force: accept an empty response where rows were.
        known: the pulls of the partition from which the caller decided that it is due. A newer answer, of another process, is
            returned without a request.

    Raises:
        PullError: no usable response; recorded as failed.
    """
    called_at = _now()
    with _alone(lake, endpoint, partition.key) as waited:
        done = lake.bronze.pull_log.last_answer(endpoint.name, partition.key)
        if waited and not force and done is not None and done.at > called_at:
            return done  # another process has completed the same pull in the meantime
        if known is not None and not force and done is not None and done not in known:
            return done  # as above, before this process tried to lock it
        return _Ingest(lake, endpoint, partition, why, run_id, force).run()


@contextlib.contextmanager
def _alone(lake: Lake, endpoint: Endpoint, key: int) -> Iterator[bool]:
    """Block other processes that pull the same; yields whether this one had to wait.

    Two pulls at the same time would both find that bronze lacks the rows, each with a pull id of its own. The lock
    is released when the process that holds it ends, in whatever way.
    """
    with _lock(lake.settings.root, zlib.crc32(f"{endpoint.name}/{key}".encode()) % LOCK_FILES).open(
        "w"
    ) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            waited = False
        except BlockingIOError:
            log.info("%s %s: another process is pulling it, waiting", endpoint.name, key)
            fcntl.flock(file, fcntl.LOCK_EX)
            waited = True
        yield waited


@contextlib.contextmanager
def no_pulls(root: Path) -> Iterator[None]:
    """Block every pull of the lake at `root`, after the pulls in progress have ended; for restoring or rebuilding bronze."""
    with contextlib.ExitStack() as held:
        for number in range(LOCK_FILES):
            file = held.enter_context(_lock(root, number).open("w"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def loading(root: Path, source: str) -> Iterator[None]:
    """Mark the lake at `root` as being loaded from a source, for the block or until the process ends."""
    with _marker(root, source).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def is_loading(root: Path, source: str) -> bool:
    """Whether any process is within `loading`."""
    with _marker(root, source).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _marker(root: Path, source: str) -> Path:
    folder = root / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"load-{source}.lock"


def _lock(root: Path, number: int) -> Path:
    folder = root / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{number}.lock"


class _Ingest:
    """One pull in progress: its fixed arguments and its steps."""

    def __init__(
        self, lake: Lake, endpoint: Endpoint, partition: Partition, why: str, run_id: str | None, force: bool
    ) -> None:
        self._lake = lake
        self._client = lake.client_of(endpoint)
        self._endpoint = endpoint
        self._partition = partition
        self._why = why
        self._run_id = run_id
        self._force = force
        self._began = time.monotonic()
        self._retries_before = self._client.http.retries

    def run(self) -> Pull:
        """The pull as entered in the pull log. Raises PullError."""
        lake, endpoint, partition = self._lake, self._endpoint, self._partition
        open_pull: OpenPull | None = None
        started = _now()
        try:
            landed_before = recover(lake, endpoint, partition.key, run_id=self._run_id)
            if landed_before is not None and not self._force:
                return landed_before
            open_pull = lake.landing.begin(endpoint.name, partition.key, partition.season, started, self._why)
            batches = self._fetch(open_pull)
        except (SourceError, LandingError, parsing.BodyError) as error:
            if open_pull is not None and isinstance(error, InconsistentResponsesError):
                open_pull.abandon(str(error))
            failed = self._record_failure(error, open_pull, started)
            raise PullError(failed, *_parts_of(error)) from error
        manifest = open_pull.commit(_now(), forced=self._force)
        done = lake.bronze.apply(
            manifest,
            batches,
            force=self._force,
            run_id=self._run_id,
            seconds=time.monotonic() - self._began,
            retries=self._client.http.retries - self._retries_before,
        )
        self._report(done)
        if not done.is_answer:
            raise PullError(done, done.error or "no usable response")
        return done

    def _fetch(self, open_pull: OpenPull) -> list[tuple[str, parsing.Batch]]:
        """The typed rows of every response of the pull: those that had landed, then those that are still missing."""
        lake, endpoint, key = self._lake, self._endpoint, self._partition.key
        extra = lake.bronze.extra_columns(endpoint)
        batches = [
            (landed.url, parsing.parse(endpoint, lake.landing.body(open_pull.folder, landed), extra, key))
            for landed in open_pull.answers
            if landed.has_rows
        ]
        responses = self._client.responses(
            endpoint,
            self._partition,
            landed=[
                LandedResponse(
                    landed.url, landed.status, partial(lake.landing.body, open_pull.folder, landed)
                )
                for landed in open_pull.answers
            ],
            drivers=lake.drivers(key) if endpoint.by_driver else (),
            read=partial(parsing.decode, endpoint),
        )
        for response in responses:
            if open_pull.add(response).has_rows:
                rows = endpoint.rows(response.content)
                batches.append((response.url, parsing.parse_rows(endpoint, rows, extra, key)))
        return batches

    def _record_failure(self, error: Exception, open_pull: OpenPull | None, started: datetime) -> Pull:
        key = self._partition.key
        landed: list[StoredResponse] = open_pull.answers if open_pull else []
        cause, url, cure = _parts_of(error)
        failed = self._lake.bronze.fail(
            self._endpoint,
            key,
            self._partition.season,
            open_pull.pull_id if open_pull else new_pull_id(started, self._endpoint.name, key),
            open_pull.started_at if open_pull else started,
            _now(),
            why=self._why,
            run_id=self._run_id,
            error=f"{type(error).__name__}: {error}",
            requests=len(landed),
            seconds=round(time.monotonic() - self._began, 3),
            waited_s=seconds_waited(landed),
            retries=self._client.http.retries - self._retries_before,
            error_type=type(error).__name__,
            error_cause=cause,
            error_url=url or None,
            error_cure=cure or None,
        )
        self._report(failed)
        return failed

    def _report(self, done: Pull) -> None:
        """Log the result as the event `pull` (the command line draws progress from it)."""
        log.info(
            "%s of %s: %s, %d rows",
            self._endpoint.name,
            self._partition.label,
            done.outcome,
            done.rows,
            extra={"event": "pull", "pull": done},
        )


def _parts_of(error: Exception) -> tuple[str, str, str]:
    """Cause, URL and cure of an error; of another class than F1LakehouseError the cause alone."""
    if isinstance(error, F1LakehouseError):
        return error.cause, error.url, error.cure
    return str(error), "", ""


def recover(lake: Lake, endpoint: Endpoint, key: int, *, run_id: str | None = None) -> Pull | None:
    """Apply pulls that landed but did not reach bronze, as after a crash, without a request. The newest such pull, or None."""
    done: Pull | None = None
    for pull_id in lake.landing.pull_ids(endpoint.name, key):
        if lake.bronze.pull_log.holds(pull_id, endpoint.name, key):
            continue
        manifest = lake.landing.finished(endpoint.name, key, pull_id)
        if manifest is not None:
            batches = lake.bronze.parse(lake.landing, manifest)
            done = lake.bronze.apply(manifest, batches, force=manifest.forced, run_id=run_id)
            log.info("%s %s: wrote a pull to bronze that had landed before", endpoint.name, key)
    return done if done is not None and done.is_answer else None


def _now() -> datetime:
    return datetime.now(UTC)
