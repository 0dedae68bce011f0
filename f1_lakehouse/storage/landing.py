"""The landing zone: raw responses, stored as received. The one layer that cannot be rebuilt from another.

    <endpoint>/<scope>/<pull_id>/0001-1f3870be.json.zst   the body, zstd; the name is a number and its hash
    <endpoint>/<scope>/<pull_id>/0001-1f3870be.meta.json  URL, status, time, sha256 of the body: commits the response
    <endpoint>/<scope>/<pull_id>/manifest.json            the responses of the pull: written last, commits the pull

A pull without a manifest is unfinished: the next run resumes it and requests only what is missing. Bodies are interpreted in parsing.py;
requests are sent in sources/.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

import orjson
import pyarrow as pa

from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.storage.object_store import ObjectStore

RESUME_WITHIN = timedelta(hours=24)
"""An unfinished pull that is older is not resumed: rows of different days must not be mixed in one pull."""


ABANDONED = "abandoned.json"
"""The file that marks a pull as never to be resumed."""


class LandingError(F1LakehouseError):
    """A landing file is missing or damaged; the message names the file and the cure."""


class MissingBodyError(LandingError):
    """The body of a landed response is missing; the other damages leave a file that is not what was received."""


class Received(Protocol):
    """A response, as the landing zone needs it; the clients of sources/ return such objects. `seconds` and `waited` in s."""

    @property
    def url(self) -> str: ...
    @property
    def status(self) -> int: ...
    @property
    def at(self) -> datetime: ...
    @property
    def body(self) -> bytes: ...
    @property
    def seconds(self) -> float: ...
    @property
    def waited(self) -> float: ...
    @property
    def is_empty(self) -> bool: ...


@dataclass(frozen=True)
class StoredResponse:
    """One response on disk. `at`: UTC; `size`: bytes of the body; `seconds`: duration; `waited`: seconds before it was sent."""

    file: str
    url: str
    status: int
    at: datetime
    sha256: str
    size: int
    seconds: float
    waited: float
    is_empty: bool

    @property
    def has_rows(self) -> bool:
        """Return whether the body is a list of rows; other landed responses mean no rows (404) or too large (422)."""
        return self.status == 200 and not self.is_empty

    def to_json(self) -> dict[str, object]:
        """Return the response as it is stored in the meta file and the manifest."""
        return {**self.__dict__, "at": self.at.isoformat()}

    @classmethod
    def from_json(cls, value: dict[str, object]) -> "StoredResponse":
        """The inverse of `to_json`."""
        return cls(**{**value, "at": datetime.fromisoformat(str(value["at"]))})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Manifest:
    """A finished pull with all its responses. `scope`: the session key, or the year for season endpoints.

    `forced`: an empty response was to be accepted without a second pull; stored, so that bronze can be rebuilt as it was.
    """

    pull_id: str
    endpoint: str
    scope: int
    season: int
    started_at: datetime
    committed_at: datetime
    why: str
    answers: tuple[StoredResponse, ...]
    forced: bool = False

    @property
    def folder(self) -> str:
        """The pull's folder in the landing zone."""
        return f"{self.endpoint}/{self.scope}/{self.pull_id}"

    def to_bytes(self) -> bytes:
        """Return the content of manifest.json."""
        return orjson.dumps(
            {
                **self.__dict__,
                "started_at": self.started_at.isoformat(),
                "committed_at": self.committed_at.isoformat(),
                "answers": [answer.to_json() for answer in self.answers],
            },
            option=orjson.OPT_INDENT_2,
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Manifest":
        """The inverse of `to_bytes`."""
        value = orjson.loads(data)
        return cls(
            **{
                **value,
                "started_at": datetime.fromisoformat(value["started_at"]),
                "committed_at": datetime.fromisoformat(value["committed_at"]),
                "answers": tuple(StoredResponse.from_json(answer) for answer in value["answers"]),
            }
        )


@dataclass
class OpenPull:
    """A pull that is being made. `answers` holds what has landed so far, from an earlier run too."""

    store: ObjectStore
    pull_id: str
    endpoint: str
    scope: int
    season: int
    started_at: datetime
    why: str
    answers: list[StoredResponse] = field(default_factory=list)

    def __post_init__(self) -> None:
        # After a crash there may be a body without its meta file: its number is not used again.
        used = [int(name[:4]) for name in self.store.files(self.folder) if name[:4].isdigit()]
        self._next = max(used, default=0) + 1

    @property
    def folder(self) -> str:
        """The pull's folder in the landing zone."""
        return f"{self.endpoint}/{self.scope}/{self.pull_id}"

    @property
    def known(self) -> dict[str, int]:
        """The requests that need not be repeated: URL → status."""
        return {answer.url: answer.status for answer in self.answers}

    def add(self, received: Received) -> StoredResponse:
        """Store one response. It counts when its meta file is written."""
        sha256 = hashlib.sha256(received.body).hexdigest()
        # The name has the hash, so another process that resumes this pull never overwrites a file.
        file = f"{self._next:04d}-{sha256[:8]}"
        self._next += 1
        answer = StoredResponse(
            file=file,
            url=received.url,
            status=received.status,
            at=received.at,
            sha256=sha256,
            size=len(received.body),
            seconds=round(received.seconds, 3),
            waited=round(received.waited, 3),
            is_empty=received.is_empty,
        )
        self.store.write(f"{self.folder}/{file}.json.zst", compress(received.body))
        self.store.write(f"{self.folder}/{file}.meta.json", orjson.dumps(answer.to_json()))
        self.answers.append(answer)
        return answer

    def abandon(self, reason: str) -> None:
        """Mark the pull as one that is never resumed, because its responses do not fit together. They are kept."""
        self.store.write(f"{self.folder}/{ABANDONED}", orjson.dumps({"reason": reason}))

    def commit(self, at: datetime, *, forced: bool = False) -> Manifest:
        """Write the manifest: the pull is finished."""
        manifest = Manifest(
            self.pull_id,
            self.endpoint,
            self.scope,
            self.season,
            self.started_at,
            at,
            self.why,
            tuple(self.answers),
            forced,
        )
        self.store.write(f"{self.folder}/manifest.json", manifest.to_bytes())
        return manifest


class Landing:
    """All pulls of a lake.

    Args:
        uri: the landing folder or object-store prefix.
    """

    def __init__(self, uri: str) -> None:
        self.store = ObjectStore(uri)

    def begin(self, endpoint: str, scope: int, season: int, now: datetime, why: str) -> OpenPull:
        """Return the pull to resume: the newest unfinished one of this partition if it is recent, else a new one."""
        for pull_id in reversed(self.store.folders(f"{endpoint}/{scope}")):
            folder = f"{endpoint}/{scope}/{pull_id}"
            files = self.store.files(folder)
            started_at = pull_started(pull_id)
            if started_at - now > RESUME_WITHIN:
                continue  # its clock was ahead: it must not hide pulls that were begun since
            if "manifest.json" in files or ABANDONED in files or now - started_at > RESUME_WITHIN:
                break
            answers = [self.answer(f"{folder}/{name}") for name in files if name.endswith(".meta.json")]
            # Two processes that resumed one pull may both have sent a request: its rows count once.
            once = list({answer.url: answer for answer in answers}.values())
            return OpenPull(self.store, pull_id, endpoint, scope, season, started_at, why, once)
        return OpenPull(self.store, new_pull_id(now, endpoint, scope), endpoint, scope, season, now, why)

    def pull_ids(self, endpoint: str, scope: int) -> list[str]:
        """Return every pull of a partition, finished or not, in the order in which they were begun."""
        return self.store.folders(f"{endpoint}/{scope}")

    def finished(self, endpoint: str, scope: int, pull_id: str) -> Manifest | None:
        """Return the manifest of a pull; None while it is unfinished."""
        name = f"{endpoint}/{scope}/{pull_id}/manifest.json"
        return self.manifest(name) if self.store.exists(name) else None

    def manifests(self, endpoint: str, scope: int | None = None) -> Iterator[Manifest]:
        """Yield the finished pulls of an endpoint, of one partition or of all, in the order in which they were begun."""
        scopes = [str(scope)] if scope is not None else self.store.folders(endpoint)
        pulls = sorted(
            (pull_id, f"{endpoint}/{one}/{pull_id}/manifest.json")
            for one in scopes
            for pull_id in self.store.folders(f"{endpoint}/{one}")
        )
        for _, name in pulls:
            if self.store.exists(name):
                yield self.manifest(name)

    def manifest(self, name: str) -> Manifest:
        """Return the manifest at a path. Raises LandingError if it cannot be read."""
        try:
            return Manifest.from_bytes(self.store.read(name))
        except (ValueError, TypeError, KeyError) as error:
            raise LandingError(
                f"{self.store.uri}/{name} is damaged ({error}): restore it from a backup"
            ) from error

    def answer(self, name: str) -> StoredResponse:
        """Return the response of a meta file. Raises LandingError if it cannot be read."""
        try:
            return StoredResponse.from_json(orjson.loads(self.store.read(name)))
        except (ValueError, TypeError, KeyError) as error:
            raise LandingError(
                f"{self.store.uri}/{name} is damaged ({error}): remove it, and its request is repeated"
            ) from error

    def body(self, folder: str, answer: StoredResponse) -> bytes:
        """Return the body of a response, verified by its sha256.

        Raises:
            LandingError: the file is missing, does not decompress, or differs from what was received.
        """
        name = f"{folder}/{answer.file}.json.zst"
        try:
            body = decompress(self.store.read(name), answer.size)
        except FileNotFoundError:
            raise MissingBodyError(f"{self.store.uri}/{name} is missing: restore it from a backup") from None
        except (OSError, pa.ArrowInvalid) as error:
            raise LandingError(
                f"{self.store.uri}/{name} is damaged ({error}): restore it from a backup"
            ) from error
        if hashlib.sha256(body).hexdigest() != answer.sha256:
            raise LandingError(f"{self.store.uri}/{name} does not match its sha256: restore it from a backup")
        return body


def seconds_waited(answers: Iterable[StoredResponse]) -> float:
    """Return the seconds in which a request of a pull was delayed, by the rate limiter or after a failure; overlaps count once."""
    held = [(one.at.timestamp() - one.seconds - one.waited, one.waited) for one in answers]
    total, until = 0.0, 0.0
    for begin, length in sorted(held):
        total += max(0.0, begin + length - max(until, begin))
        until = max(until, begin + length)
    return round(total, 3)


def new_pull_id(now: datetime, endpoint: str, scope: int) -> str:
    """Return an id that sorts by time and names endpoint and partition: 20240922T143000000000Z-laps-9606."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%S%f}Z-{endpoint}-{scope}"


def pull_started(pull_id: str) -> datetime:
    """Return when the pull with that id was begun, UTC."""
    return datetime.strptime(pull_id.split("-", 1)[0], "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)


def compress(body: bytes) -> bytes:
    """Compress with zstd; `zstd -dc` reads it."""
    return pa.Codec("zstd").compress(body, asbytes=True) if body else b""


def decompress(data: bytes, size: int) -> bytes:
    """Reverse `compress`. `size`: the number of uncompressed bytes."""
    return pa.Codec("zstd").decompress(data, size, asbytes=True) if size else b""
