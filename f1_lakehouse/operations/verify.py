"""Verify landing byte by byte, and bronze against the pull log, pull by pull. Nothing is changed.

Landing cannot be rebuilt from anything else, so it is backed up (backup.py); bronze is rebuilt from landing (rebuild.py).
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

import pyarrow as pa
from deltalake import DeltaTable

from f1_lakehouse.counts import counted
from f1_lakehouse.sources.catalog import ARROW_TYPES, LAKE_COLUMNS, Kind
from f1_lakehouse.storage.bronze import Bronze
from f1_lakehouse.storage.fingerprint import fingerprint
from f1_lakehouse.storage.landing import Landing, LandingError, MissingBodyError, StoredResponse
from f1_lakehouse.storage.parsing import Batch
from f1_lakehouse.storage.pull_log import BronzeError, Outcome, Pull, reading

Progress = Callable[[str], None]
"""Called with what is read next."""


def silent(_: str) -> None:
    """Report no progress."""


@dataclass
class Verification:
    """The result of a verification. `problems`: one line each; `answers`: landed responses; `bytes`: their uncompressed size."""

    pulls: int = 0
    unfinished: int = 0
    answers: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)


def check_landing(landing: Landing, progress: Progress = silent) -> Verification:
    """Compare every landed response with the sha256 in its manifest, and every manifest with the meta files."""
    found = Verification()
    for folder in pull_folders(landing):
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


def check_pull(landing: Landing, folder: str) -> tuple[dict[str, str], list[StoredResponse]]:
    """Return the damaged or missing files of one pull, with the fault of each, and the responses of the pull."""
    bad: dict[str, str] = {}
    files = landing.store.files(folder)
    noted: dict[str, StoredResponse] = {}
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
            is_missing = isinstance(error, MissingBodyError)
            bad[f"{file}.json.zst"] = "missing" if is_missing else "does not match its sha256"
    return bad, list(answers.values())


def check_bronze(
    bronze: Bronze, endpoints: Iterable[str] | None = None, progress: Progress = silent
) -> Verification:
    """Compare every appended pull with the pull log: it is there once, with all its rows and the same fingerprint."""
    found = Verification()
    for endpoint in endpoints or bronze.endpoints:
        progress(f"bronze/{endpoint}")
        entries = appended_pulls(bronze, endpoint)
        found.pulls += len(entries)
        try:
            found.problems += [f"{bronze.table_uri(endpoint)}: {p}" for p in damage(bronze, endpoint)]
        except BronzeError as error:
            found.problems.append(str(error))
    return found


@dataclass(frozen=True)
class Damage:
    """A fault of one pull in a table: `what`, as one line. `is_missing`: none of its rows are there."""

    what: str
    is_missing: bool = False

    def __str__(self) -> str:
        return self.what


def damage(bronze: Bronze, endpoint: str, known_good: Collection[str] = ()) -> list[Damage]:
    """Return the faults of a table; pulls that are `known_good` are not read.

    Raises:
        BronzeError: the table cannot be read.
    """
    problems = []
    restored_at = _restored_at(bronze, endpoint)
    for pull in appended_pulls(bronze, endpoint):
        if pull.pull_id in known_good:
            continue
        rows = bronze.rows_of(endpoint, [pull])
        if rows.num_rows == 0:
            is_truth = bronze.pull_log.current_pull(endpoint, pull.scope) == pull
            if is_truth or (pull.delta_version or 0) > restored_at:
                problems.append(Damage(f"{pull.pull_id} is missing", is_missing=True))
        elif rows.num_rows != pull.rows:
            problems.append(
                Damage(f"{pull.pull_id} has {counted(rows.num_rows, 'row')} instead of {pull.rows}")
            )
        else:
            refused = bronze.quarantine.rows_of(pull.pull_id) if pull.quarantined else []
            api = _as_it_came(rows)
            # The refused rows of a pull that equals the refused pull before it are in quarantine under the id of that one.
            if len(refused) == pull.quarantined and fingerprint(Batch(api, refused)) != pull.sha256:
                problems.append(Damage(f"{pull.pull_id} has rows that are not those that came"))
    return problems


def _as_it_came(rows: pa.Table) -> pa.Table:
    """Return the API's columns of bronze rows in the types that they were written with: Delta names the items of lists differently."""
    lake = {column.name for column in LAKE_COLUMNS}
    kept = rows.select([name for name in rows.schema.names if name not in lake])
    ints = ARROW_TYPES[Kind.INTS]
    return kept.cast(pa.schema([(f.name, ints if pa.types.is_list(f.type) else f.type) for f in kept.schema]))


def _restored_at(bronze: Bronze, endpoint: str) -> int:
    """Return the version that the last restore made; -1 if there was none. A restore removes rows on purpose."""
    uri = bronze.table_uri(endpoint)
    with reading(uri):
        history = DeltaTable(uri).history()
    return max((c["version"] for c in history if c["operation"] == "RESTORE"), default=-1)


def appended_pulls(bronze: Bronze, endpoint: str) -> list[Pull]:
    """Return the pulls of an endpoint whose rows are in its table."""
    return [p for p in bronze.pull_log.all() if p.endpoint == endpoint and p.outcome == Outcome.APPENDED]


def pull_folders(landing: Landing) -> list[str]:
    """Return the folder of every pull in landing."""
    return [
        f"{endpoint}/{scope}/{pull_id}"
        for endpoint in landing.store.folders()
        for scope in landing.store.folders(endpoint)
        for pull_id in landing.store.folders(f"{endpoint}/{scope}")
    ]
