"""Landing: every response is stored unchanged and atomically; a manifest commits a pull, and an incomplete pull is resumed."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from f1_lakehouse.storage.landing import (
    RESUME_WITHIN,
    Landing,
    LandingError,
    OpenPull,
    new_pull_id,
    pull_started,
    seconds_waited,
)
from f1_lakehouse.storage.object_store import ObjectStore

NOON = datetime(2024, 9, 22, 12, 0, tzinfo=UTC)
BODY = b'[{"lap_number": 1, "name": "R\xc3\xa4ikk\xc3\xb6nen"}]'


@dataclass(frozen=True)
class Received:
    url: str
    body: bytes = BODY
    status: int = 200
    at: datetime = NOON
    seconds: float = 0.12345
    waited: float = 1.5

    @property
    def is_empty(self) -> bool:
        return self.status == 404


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(str(tmp_path / "landing"))


def begin(landing: Landing, now: datetime = NOON, scope: int = 9606) -> OpenPull:
    return landing.begin("laps", scope, 2024, now, "first pull")


def folder_of(landing: Landing, opened: OpenPull) -> Path:
    return Path(landing.store.uri) / opened.folder


def test_response_is_stored_unchanged_with_url_time_and_hash(landing: Landing) -> None:
    opened = begin(landing)
    opened.add(Received("http://api/laps?session_key=9606"))
    manifest = opened.commit(NOON + timedelta(seconds=2))
    read = landing.finished("laps", 9606, opened.pull_id)
    assert read == manifest
    [answer] = manifest.answers
    assert landing.body(manifest.folder, answer) == BODY
    assert (answer.url, answer.status, answer.at) == ("http://api/laps?session_key=9606", 200, NOON)
    assert (answer.sha256, answer.size) == (hashlib.sha256(BODY).hexdigest(), len(BODY))
    assert (answer.seconds, answer.waited) == (0.123, 1.5)
    assert (manifest.season, manifest.why, manifest.started_at) == (2024, "first pull", NOON)


@pytest.mark.parametrize("body", [b"", b"x", b"\n[]\n ", b"\x00" * 100_000, bytes(range(256)) * 50], ids=len)
def test_any_body_is_read_byte_for_byte(landing: Landing, body: bytes) -> None:
    opened = begin(landing)
    answer = opened.add(Received("u", body))
    assert landing.body(opened.folder, answer) == body


def test_only_responses_with_rows_are_read_as_rows(landing: Landing) -> None:
    opened = begin(landing)
    kinds = [opened.add(Received(f"u{status}", status=status)).has_rows for status in (200, 404, 422)]
    assert kinds == [True, False, False]


def test_pull_without_a_manifest_is_incomplete(landing: Landing) -> None:
    opened = begin(landing)
    opened.add(Received("u"))
    assert landing.finished("laps", 9606, opened.pull_id) is None
    assert list(landing.manifests("laps")) == []
    assert landing.pull_ids("laps", 9606) == [opened.pull_id]


def test_incomplete_pull_is_resumed_with_its_landed_responses(landing: Landing) -> None:
    opened = begin(landing)
    opened.add(Received("u1"))
    opened.add(Received("u2", status=422))
    again = begin(landing, NOON + RESUME_WITHIN)
    assert (again.pull_id, again.started_at) == (opened.pull_id, NOON)
    assert again.known == {"u1": 200, "u2": 422}
    again.add(Received("u3", b"[3]"))
    manifest = again.commit(NOON + RESUME_WITHIN)
    assert [answer.url for answer in manifest.answers] == ["u1", "u2", "u3"]
    assert [landing.body(manifest.folder, answer) for answer in manifest.answers] == [BODY, BODY, b"[3]"]


@pytest.mark.parametrize("away", [RESUME_WITHIN, -RESUME_WITHIN], ids=["old", "from the future"])
def test_stale_incomplete_pull_is_not_resumed(landing: Landing, away: timedelta) -> None:
    opened = begin(landing)
    opened.add(Received("u1"))
    now = NOON + away + (timedelta(seconds=1) if away > timedelta() else -timedelta(seconds=1))
    again = begin(landing, now)
    assert again.pull_id != opened.pull_id
    assert again.known == {}


def test_complete_pull_is_not_resumed(landing: Landing) -> None:
    opened = begin(landing)
    opened.add(Received("u1"))
    opened.commit(NOON)
    assert begin(landing, NOON + timedelta(minutes=1)).known == {}


def test_pulls_of_other_partitions_and_endpoints_are_not_resumed(landing: Landing) -> None:
    begin(landing).add(Received("u1"))
    assert begin(landing, scope=9655).known == {}
    assert landing.begin("pit", 9606, 2024, NOON, "first pull").known == {}


@pytest.mark.parametrize("file", ["json.zst", "meta.json", "manifest.json"])
@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_crash_during_a_write_leaves_no_visible_file(
    landing: Landing, monkeypatch: pytest.MonkeyPatch, file: str, step: str
) -> None:
    class Crash(BaseException):
        pass

    opened = begin(landing)
    opened.add(Received("u1"))
    whole = ObjectStore.write

    def write(store: ObjectStore, name: str, data: bytes) -> None:
        if not name.endswith(file):
            return whole(store, name, data)
        with monkeypatch.context() as patch:
            if step == "write":
                data = object()  # type: ignore[assignment]  # a value that is not bytes fails after the file is opened
            elif step == "fsync":
                patch.setattr("os.fsync", _raise(Crash))
            else:
                patch.setattr(Path, "replace", _raise(Crash))
            return whole(store, name, data)

    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "write", write)
        with pytest.raises((Crash, TypeError)):  # noqa: PT012
            opened.add(Received("u2", b"[2]"))
            opened.commit(NOON)
    assert not any(f"{file}" in path.name for path in folder_of(landing, opened).glob(".*"))
    again = begin(landing, NOON + timedelta(hours=1))
    known = {"u1": 200, "u2": 200} if file == "manifest.json" else {"u1": 200}
    assert again.known == known
    again.add(Received("u3", b"[3]"))
    manifest = again.commit(NOON)
    assert [landing.body(manifest.folder, a) for a in manifest.answers] == (
        [BODY, b"[2]", b"[3]"] if file == "manifest.json" else [BODY, b"[3]"]
    )


def _raise(error: type[BaseException]) -> Any:
    def fail(*_: object) -> None:
        raise error

    return fail


def test_temporary_file_of_a_killed_write_is_ignored(landing: Landing) -> None:
    """After a kill -9 the file has its temporary name."""
    opened = begin(landing)
    opened.add(Received("u1"))
    (folder_of(landing, opened) / ".0002-00000000.meta.json.77.partial").write_bytes(b'{"url')
    (folder_of(landing, opened) / ".manifest.json.77.partial").write_bytes(b"{")
    assert begin(landing).known == {"u1": 200}
    assert landing.finished("laps", 9606, opened.pull_id) is None


def test_processes_that_resume_one_pull_do_not_damage_its_files(landing: Landing) -> None:
    begin(landing).add(Received("u0"))
    one, other = begin(landing), begin(landing)
    one.add(Received("u1", b"[1]"))
    other.add(Received("u2", b"[2]"))
    other.add(Received("u1", b"[1, 1]"))
    for opened in (one, other, begin(landing)):
        for answer in opened.answers:
            assert hashlib.sha256(landing.body(opened.folder, answer)).hexdigest() == answer.sha256
    third = begin(landing)
    assert sorted(answer.url for answer in third.answers) == ["u0", "u1", "u2"]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (None, "missing"),
        (b"", "damaged"),
        (b"no zstd at all", "damaged"),
        ("half", "damaged"),
        ("other", "does not match its sha256"),
    ],
    ids=["missing", "empty", "garbage", "half", "other"],
)
def test_damaged_body_is_an_error_that_names_the_file(landing: Landing, data: Any, what: str) -> None:
    opened = begin(landing)
    answer = opened.add(Received("u1", BODY))
    path = folder_of(landing, opened) / f"{answer.file}.json.zst"
    if data is None:
        path.unlink()
    elif data == "half":
        path.write_bytes(path.read_bytes()[:-9])
    elif data == "other":
        replaced = opened.add(Received("u2", BODY.replace(b"1", b"2")))
        (folder_of(landing, opened) / f"{replaced.file}.json.zst").replace(path)
    else:
        path.write_bytes(data)
    with pytest.raises(LandingError, match=rf"{answer.file}\.json\.zst.*{what}|{answer.file}.*sha256"):
        landing.body(opened.folder, answer)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b"3", b"null", "date", "answers"], ids=str)
def test_damaged_manifest_is_an_error_that_names_the_file(landing: Landing, data: Any) -> None:
    opened = begin(landing)
    opened.add(Received("u1"))
    opened.commit(NOON)
    path = folder_of(landing, opened) / "manifest.json"
    if data == "date":
        data = path.read_bytes().replace(b"2024-09-22T", b"2024-99-22T")
    elif data == "answers":
        data = path.read_bytes().replace(b'"sha256"', b'"sha255"')
    path.write_bytes(data)
    with pytest.raises(LandingError, match=r"manifest\.json is damaged .*: restore it from a backup"):
        landing.finished("laps", 9606, opened.pull_id)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}"], ids=str)
def test_damaged_meta_file_is_an_error_that_names_the_file(landing: Landing, data: bytes) -> None:
    opened = begin(landing)
    answer = opened.add(Received("u1"))
    (folder_of(landing, opened) / f"{answer.file}.meta.json").write_bytes(data)
    with pytest.raises(LandingError, match=rf"{answer.file}\.meta\.json is damaged"):
        begin(landing)


def test_manifests_are_ordered_by_the_start_of_their_pulls(landing: Landing) -> None:
    begun = []
    for hours, scope in ((3, 9606), (1, 9655), (2, 9606), (0, 100)):
        opened = begin(landing, NOON + timedelta(hours=hours), scope)
        opened.commit(NOON + timedelta(hours=hours))
        begun.append((hours, opened.pull_id))
    in_order = [pull_id for _, pull_id in sorted(begun)]
    assert [manifest.pull_id for manifest in landing.manifests("laps")] == in_order
    assert [manifest.scope for manifest in landing.manifests("laps", 9606)] == [9606, 9606]
    assert list(landing.manifests("pit")) == []


def test_pull_id_contains_time_and_partition(landing: Landing) -> None:
    pull_id = new_pull_id(NOON + timedelta(microseconds=5), "laps", 9606)
    assert pull_id == "20240922T120000000005Z-laps-9606"
    assert pull_started(pull_id) == NOON + timedelta(microseconds=5)


def test_pull_started_with_the_clock_ahead_does_not_hide_later_pulls(landing: Landing) -> None:
    ahead = begin(landing, NOON + timedelta(days=4000))
    ahead.add(Received("u1"))
    ahead.commit(NOON + timedelta(days=4000))
    begun = begin(landing)
    begun.add(Received("u2"))
    again = begin(landing, NOON + timedelta(hours=1))
    assert (again.pull_id, list(again.known)) == (begun.pull_id, ["u2"])


def test_concurrent_waits_are_counted_once(landing: Landing) -> None:
    opened = begin(landing)
    for end, waited in ((1, 1), (6, 1), (10, 10), (20, 2), (21, 2), (30, 0)):
        opened.add(Received(f"u{end}", at=NOON + timedelta(seconds=end), seconds=0, waited=waited))
    assert seconds_waited(opened.answers) == 10 + 3
