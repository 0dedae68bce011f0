"""`f1 replay-run`: gold built again from the bronze that a run saw, and compared with what that run published."""

import duckdb
import orjson
from rich.table import Table

from f1_lakehouse.cli.query import QueryError, build_gold
from f1_lakehouse.cli.tables import stdout
from f1_lakehouse.dbt.manifest import tables_that_read_a_snapshot
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.observability.log_output import tell
from f1_lakehouse.observability.run_log import RunRecord, code_version
from f1_lakehouse.project_files import project_digest
from f1_lakehouse.publishing.table_state import gold_fingerprints


def print_replay(lake: Lake, run_id: str) -> int:
    """Build, compare and print table by table; 0 when all that can be compared is equal.

    The build stays in `<root>/replays/<run id>/gold.duckdb`; nothing of the lake is changed.

    Raises:
        QueryError: there is no such run, or it published nothing; dbt failed.
    """
    run = _published_by(lake, run_id)
    assert run.gold is not None
    assert run.seen_at is not None
    _print_run(lake, run)
    built = build_gold(run.seen_at, lake.settings.root / "replays" / run.run_id / "gold.duckdb")
    with duckdb.connect() as con:
        con.execute(f"attach '{str(built).replace(chr(39), chr(39) * 2)}' as rebuilt (read_only)")
        now = gold_fingerprints(con, "rebuilt")
    then: dict[str, str] = orjson.loads(run.gold)
    of_snapshots = tables_that_read_a_snapshot()
    table = Table("table", "rows then", "rows now", "")
    different = 0
    for name in sorted(then.keys() | now.keys()):
        if name in of_snapshots:
            verdict = "not compared: it tells what the runs before saw"
        elif then.get(name) == now.get(name):
            verdict = "equal"
        else:
            verdict, different = "different", different + 1
        table.add_row(name, _rows(then.get(name)), _rows(now.get(name)), verdict)
    stdout().print(table)
    print(f"{different} tables differ" if different else "every table that can be compared is equal")
    print(f"the build: {built}")
    return 1 if different else 0


def _published_by(lake: Lake, run_id: str) -> RunRecord:
    found = lake.runs.of(run_id)
    if len(found) != 1:
        many = f"{len(found)} runs begin so" if found else "there is no such run on record"
        raise QueryError(f'{run_id}: {many}; list them: f1 sql "from runs"')
    if found[0].gold is None or found[0].seen_at is None:
        raise QueryError(
            f"{run_id} ({found[0].job}, {found[0].outcome}) published nothing; those that did: "
            'f1 sql "select run_id from runs where gold is not null"'
        )
    return found[0]


def _print_run(lake: Lake, run: RunRecord) -> None:
    print(f"run {run.run_id} of {run.started_at:%Y-%m-%d %H:%M:%S} UTC by {run.user}: {run.origin}")
    for what, then, now in (
        ("code", run.code_version, code_version()),
        ("dbt_f1", run.dbt_version, project_digest()),
    ):
        if then != now:
            tell(f"{what} was {then} and is {now}: a difference may come from that", "progress")
    late = [p for p in lake.bronze.ledger.all() if run.seen_at and run.seen_at < p.at <= run.ended_at]
    if late:
        tell(f"{len(late)} pulls arrived while it ran, and it may have seen some of them", "progress")


def _rows(fingerprint: str | None) -> str:
    """The number of rows, which a fingerprint begins with (of telemetry: of sessions)."""
    return f"{int(fingerprint.split('-', 1)[0]):,}" if fingerprint else "none"
