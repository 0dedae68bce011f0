"""After an accident: what is damaged, bronze made again from landing, and a second copy of landing.

Landing is the one layer that cannot be made again, so it is the one that is backed up and checked byte by byte. Bronze
is checked against the ledger, pull by pull, and what it has lost is put back from landing without a single request.

Setting a table back on purpose belongs to maintenance.py.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from f1_lakehouse.sources.catalog import ARROW_TYPES, LAKE_COLUMNS, Kind
from f1_lakehouse.sources.registry import BY_NAME
from f1_lakehouse.storage.bronze import Bronze, fingerprint
from f1_lakehouse.storage.delta import scan
from f1_lakehouse.storage.landing import LandedAnswer, Landing, LandingError, Manifest, MissingBodyError
from f1_lakehouse.storage.object_store import Store
from f1_lakehouse.storage.parsing import Batch, BodyError, Rejected, merge
from f1_lakehouse.storage.pull_log import BronzeError, Ledger, Outcome, Pull, reading

SET_ASIDE = "_set_aside"
"""Where damaged tables are kept, below bronze: nothing is thrown away by a repair."""

Progress = Callable[[str], None]


def _silent(_: str) -> None:
    pass


@dataclass
class Check:
    """What a check of landing or bronze found. `problems`: one line each; `bytes`: of the answers, uncompressed."""

    pulls: int = 0
    unfinished: int = 0
    answers: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass
class Rebuilt:
    """What was done to one table: pulls that were there, pulls and rows that were put back."""

    table: str
    there: int = 0
    put_back: int = 0
    rows: int = 0
    set_aside: str | None = None
    problems: list[str] = field(default_factory=list)
    written: set[str] = field(default_factory=set)
    """The pulls that were put back with the rows that the ledger says of them."""


@dataclass
class Copied:
    """What was copied from one landing to another, files and their bytes; `problems`: what could not be."""

    files: int = 0
    bytes: int = 0
    there: int = 0
    problems: list[str] = field(default_factory=list)


# Checks


def check_landing(landing: Landing, progress: Progress = _silent) -> Check:
    """Compare every answer with the sha256 in its manifest, and every manifest with what was noted at arrival."""
    found = Check()
    for folder in _folders(landing):
        progress(folder)
        bad, answers = check_pull(landing, folder)
        found.problems += [f"{landing.store.uri}/{folder}/{name}: {what}" for name, what in bad.items()]
        found.answers += len(answers)
        found.bytes += sum(answer.size for answer in answers)
        if landing.store.exists(f"{folder}/manifest.json"):
            found.pulls += 1
        else:
            found.unfinished += 1
    return found


def check_pull(landing: Landing, folder: str) -> tuple[dict[str, str], list[LandedAnswer]]:
    """The damaged or missing files of one pull, with what is wrong with them, and its answers."""
    bad: dict[str, str] = {}
    files = landing.store.files(folder)
    noted: dict[str, LandedAnswer] = {}
    for name in files:
        if name.endswith(".meta.json"):
            try:
                answer = landing.answer(f"{folder}/{name}")
                noted[answer.file] = answer
            except LandingError:
                bad[name] = "damaged"
    answers = noted
    if "manifest.json" in files:
        try:
            answers = {a.file: a for a in landing.manifest(f"{folder}/manifest.json").answers}
        except LandingError:
            bad["manifest.json"] = "damaged"
    for file, answer in answers.items():
        meta = f"{file}.meta.json"
        if meta not in files:
            bad[meta] = "missing"
        elif meta not in bad and noted[file] != answer:
            bad["manifest.json"] = f"says something else of {file} than its meta file"
        try:
            landing.body(folder, answer)
        except LandingError as error:
            bad[f"{file}.json.zst"] = (
                "missing" if isinstance(error, MissingBodyError) else "does not match its sha256"
            )
    return bad, list(answers.values())


def check_bronze(
    bronze: Bronze, endpoints: Iterable[str] | None = None, progress: Progress = _silent
) -> Check:
    """Compare every appended pull with the ledger: there once, with all its rows, and with the same fingerprint."""
    found = Check()
    for endpoint in endpoints or BY_NAME:
        progress(f"bronze/{endpoint}")
        entries = _appended(bronze, endpoint)
        found.pulls += len(entries)
        try:
            found.problems += [f"{bronze.table_uri(endpoint)}: {p}" for p in _damage(bronze, endpoint)]
        except BronzeError as error:
            found.problems.append(str(error))
    return found


@dataclass(frozen=True)
class Damage:
    """What is wrong with one pull in a table: `what`, as one line. `is_missing`: none of its rows are there."""

    what: str
    is_missing: bool = False

    def __str__(self) -> str:
        return self.what


def _damage(bronze: Bronze, endpoint: str, known_good: Collection[str] = ()) -> list[Damage]:
    """What is wrong with a table; pulls that are `known_good` are not checked.

    Raises BronzeError if the table cannot be read.
    """
    problems = []
    restored_at = _restored_at(bronze, endpoint)
    for pull in _appended(bronze, endpoint):
        if pull.pull_id in known_good:
            continue
        rows = bronze.rows_of(endpoint, [pull])
        if rows.num_rows == 0:
            is_truth = bronze.ledger.truth(endpoint, pull.scope) == pull
            if is_truth or (pull.delta_version or 0) > restored_at:
                problems.append(Damage(f"{pull.pull_id} is missing", is_missing=True))
        elif rows.num_rows != pull.rows:
            problems.append(Damage(f"{pull.pull_id} has {rows.num_rows} rows instead of {pull.rows}"))
        else:
            refused, api = _refused(bronze, pull), _as_it_came(rows)
            # A pull that was refused in the same way just before has its rows in quarantine under that one's name.
            if len(refused) == pull.quarantined and fingerprint(Batch(api, refused)) != pull.sha256:
                problems.append(Damage(f"{pull.pull_id} has rows that are not those that came"))
    return problems


def _as_it_came(rows: pa.Table) -> pa.Table:
    """The API's columns of bronze rows, in the types they were written with: Delta calls the items of lists otherwise."""
    lake = {column.name for column in LAKE_COLUMNS}
    kept = rows.select([name for name in rows.schema.names if name not in lake])
    ints = ARROW_TYPES[Kind.INTS]
    return kept.cast(pa.schema([(f.name, ints if pa.types.is_list(f.type) else f.type) for f in kept.schema]))


def _restored_at(bronze: Bronze, endpoint: str) -> int:
    """The version that the last restore made; -1 if there was none. What it took away was taken on purpose."""
    uri = bronze.table_uri(endpoint)
    with reading(uri):
        history = DeltaTable(uri).history()
    return max((c["version"] for c in history if c["operation"] == "RESTORE"), default=-1)


def _refused(bronze: Bronze, pull: Pull) -> list[Rejected]:
    if not pull.quarantined:
        return []
    uri = bronze.table_uri("_quarantine")
    with reading(uri):
        table = scan(DeltaTable(uri)).to_table(filter=pc.field("pull_id") == pull.pull_id)
    return [Rejected(row["raw"], row["reason"]) for row in table.to_pylist()]


def _appended(bronze: Bronze, endpoint: str) -> list[Pull]:
    return [p for p in bronze.ledger.all() if p.endpoint == endpoint and p.outcome == Outcome.APPENDED]


# Bronze from landing


def rebuild(
    landing: Landing,
    bronze: Bronze,
    endpoints: Iterable[str] | None = None,
    progress: Progress = _silent,
    now: datetime | None = None,
) -> list[Rebuilt]:
    """Put back into bronze, from landing alone, what it has lost; a table that is damaged is made anew.

    So is a table with rows that a version before `_row_number` wrote, if landing has all its pulls.

    The rows are those that were there, with their pulls, times and sources. If the ledger is lost it is made anew too,
    for every endpoint: with the same truths, but without the failed attempts, runs and durations of the past. Safe to
    repeat, and to be cut off.

    Raises:
        BronzeError: there is no such endpoint.
    """
    names = list(endpoints or BY_NAME)
    for name in names:
        if name not in BY_NAME:
            raise BronzeError(f"there is no table {name!r}; there are: {', '.join(sorted(BY_NAME))}")
    at = now or datetime.now(UTC)
    done = [_usable(bronze, "_quarantine", at), _usable(bronze, "_pulls", at)]
    if not bronze.ledger.all():
        names = list(BY_NAME)
    for name in names:
        progress(f"bronze/{name}: what is there")
        entry = _usable(bronze, name, at, landing)
        done.append(entry)
        for manifest in sorted(_manifests(landing, name, entry), key=lambda m: (m.committed_at, m.pull_id)):
            progress(manifest.folder)
            try:
                _put_back(landing, bronze, manifest, entry)
            except (LandingError, BodyError) as error:
                entry.problems.append(str(error))
        gone = _damage(bronze, name, entry.written)
        entry.problems += [f"{name}: {what}, and its raw answers are not in landing" for what in gone]
    return done


def _can_be_numbered(landing: Landing, bronze: Bronze, name: str) -> bool:
    """Whether a table has rows without a row number, and landing has the same rows of all its pulls, in order.

    A version before `_row_number` wrote such rows. An append-only table cannot fill a column, so it is written again.
    """
    endpoint = BY_NAME[name]
    if "_row_number" not in endpoint.bronze_schema.names:
        return False
    with reading(bronze.table_uri(name)):
        rows = scan(DeltaTable(bronze.table_uri(name)))
        if "_row_number" in rows.schema.names:
            numbered = pc.field("_row_number").is_valid()
            if not rows.head(1, columns=["_pull_id"], filter=~numbered).num_rows:
                return False
        elif not rows.head(1, columns=["_pull_id"]).num_rows:
            return False
    for pull in _appended(bronze, name):
        try:
            manifest = landing.finished(name, pull.scope, pull.pull_id)
            if manifest is None:
                return False
            batches = [batch for _, batch in bronze.parse(landing, manifest)]
        except (LandingError, BodyError):
            return False
        if fingerprint(merge(endpoint, batches)) != pull.sha256:
            return False
    return True


def _usable(bronze: Bronze, name: str, now: datetime, landing: Landing | None = None) -> Rebuilt:
    """Make sure that a table can be read; an empty one takes the position of a damaged one, which is set aside.

    With `landing`, a table that `_can_be_numbered` is set aside too.
    """
    entry = Rebuilt(name)
    if bronze.exists(name):
        try:
            if name in BY_NAME:
                bad = [damage for damage in _damage(bronze, name) if not damage.is_missing]
                whole = not bad
            else:
                with reading(bronze.table_uri(name)):
                    scan(DeltaTable(bronze.table_uri(name))).to_table()
                whole = True
        except BronzeError:
            whole = False
        if whole and not (landing and name in BY_NAME and _can_be_numbered(landing, bronze, name)):
            bronze.create_table(name)
            return entry
    store = Store(bronze.uri)
    if any(True for _ in store.walk(name)):
        entry.set_aside = f"{SET_ASIDE}/{name}-{now:%Y%m%dT%H%M%S%f}Z"
        store.move(name, entry.set_aside)
    bronze.create_table(name)
    if name == "_pulls":
        bronze.ledger = Ledger(bronze.ledger.uri)  # what the old one remembers is of another table
    return entry


def _manifests(landing: Landing, endpoint: str, entry: Rebuilt) -> list[Manifest]:
    found = []
    for scope in landing.store.folders(endpoint):
        for pull_id in landing.pull_ids(endpoint, int(scope)):
            try:
                manifest = landing.finished(endpoint, int(scope), pull_id)
            except LandingError as error:
                entry.problems.append(str(error))
                continue
            if manifest is not None:
                found.append(manifest)
    return found


def _put_back(landing: Landing, bronze: Bronze, manifest: Manifest, entry: Rebuilt) -> None:
    known = next(
        (
            pull
            for pull in bronze.ledger.of(manifest.endpoint, manifest.scope)
            if pull.pull_id == manifest.pull_id and pull.is_applied
        ),
        None,
    )
    if known is None:
        done = bronze.apply(manifest, bronze.parse(landing, manifest), force=manifest.forced)
        if done.outcome == Outcome.APPENDED:
            entry.put_back += 1
            entry.rows += done.rows
            entry.written.add(done.pull_id)
        return
    refused = known.quarantined and known.outcome != Outcome.UNCHANGED
    lacks_rows = known.outcome == Outcome.APPENDED and not bronze.rows_of(manifest.endpoint, [known]).num_rows
    if not lacks_rows and not (refused and not _refused(bronze, known)):
        entry.there += known.outcome == Outcome.APPENDED
        return
    batches = bronze.parse(landing, manifest)
    whole = bronze.put_back(manifest, batches if lacks_rows else [])
    if refused:
        bronze.put_back_quarantine(manifest, batches)
    if not lacks_rows:
        entry.there += 1
        return
    entry.put_back += 1
    entry.rows += whole.table.num_rows
    if fingerprint(whole) == known.sha256:
        entry.written.add(known.pull_id)
    else:
        entry.problems.append(f"{known.pull_id}: this version of the catalogue types its rows differently")


# A second copy of landing


def copy_landing(
    source: Landing, target: Landing, *, progress: Progress = _silent, dry_run: bool = False
) -> Copied:
    """Copy what the target lacks or has damaged; a backup, and the other way round the way back from one.

    A damaged file of the source is reported and never copied, and a good file of the target never written over. The
    manifest of a pull is copied last, so a copy that is cut off has no pull that looks finished and is not.
    """
    done = Copied()
    for folder in _folders(source):
        progress(folder)
        files = source.store.files(folder)
        there = set(target.store.files(folder))
        broken = check_pull(target, folder)[0] if there else {}
        wanted = [name for name in files if name not in there or name in broken]
        done.there += len(files) - len(wanted)
        if not wanted:
            continue
        bad = check_pull(source, folder)[0]
        for name in wanted:
            if name in bad:
                done.problems.append(f"{source.store.uri}/{folder}/{name}: {bad[name]}")
                continue
            data = source.store.read(f"{folder}/{name}")
            if not dry_run:
                target.store.write(f"{folder}/{name}", data)
            done.files += 1
            done.bytes += len(data)
        for name in set(bad) - set(files):
            done.problems.append(f"{source.store.uri}/{folder}/{name}: {bad[name]}")
    return done


def _folders(landing: Landing) -> list[str]:
    return [
        f"{endpoint}/{scope}/{pull_id}"
        for endpoint in landing.store.folders()
        for scope in landing.store.folders(endpoint)
        for pull_id in landing.store.folders(f"{endpoint}/{scope}")
    ]
