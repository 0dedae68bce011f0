"""`f1 replay-run`: rebuild gold from the pulls that a run read, and compare it with the gold that the run published.

Does not belong here: the build (`build_gold` of sql.py) and the fingerprints (publishing/publish.py).
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from f1_lakehouse.cli.command import EXIT_FAILED, Command
from f1_lakehouse.cli.lake_folder import lake_settings
from f1_lakehouse.cli.query import QueryError, build_gold
from f1_lakehouse.counts import counted

if TYPE_CHECKING:
    from f1_lakehouse.lakehouse import Lake
    from f1_lakehouse.observability.run_log import RunRecord


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run_id", metavar="RUN_ID", help='a run id or its first characters; f1 sql "from runs" lists them'
    )


def _replay_run(given: argparse.Namespace) -> int:
    lake_settings(writes=True)
    from f1_lakehouse.lakehouse import current_lake

    return print_replay(current_lake(), given.run_id)


def print_replay(lake: Lake, run_id: str) -> int:
    """Build, compare and print table by table; the exit code is 0 when every comparable table is equal.

    The build stays in `<root>/replays/<run id>/gold.duckdb`; nothing else in the lake changes.

    Raises:
        QueryError: the run is unknown or published nothing, or dbt failed.
    """
    import duckdb
    import orjson
    from rich.table import Table

    from f1_lakehouse.cli.tables import stdout
    from f1_lakehouse.dbt.manifest import tables_that_read_a_snapshot
    from f1_lakehouse.publishing.table_state import gold_fingerprints

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
            verdict = "not compared: depends on earlier runs"
        elif then.get(name) == now.get(name):
            verdict = "equal"
        else:
            verdict, different = "different", different + 1
        table.add_row(name, _rows(then.get(name)), _rows(now.get(name)), verdict)
    stdout().print(table)
    print(f"different: {counted(different, 'table')}" if different else "every comparable table is equal")
    print(f"build: {built}")
    return EXIT_FAILED if different else 0


def _published_by(lake: Lake, run_id: str) -> RunRecord:
    found = lake.runs.of(run_id)
    if len(found) != 1:
        cause = f"{len(found)} run ids begin with it" if found else "no such run in the run log"
        raise QueryError(f'{run_id}: {cause}; list the runs: f1 sql "from runs"')
    if found[0].gold is None or found[0].seen_at is None:
        raise QueryError(
            f"{run_id} ({found[0].job}, {found[0].outcome}) published nothing; list the runs that did: "
            'f1 sql "select run_id from runs where gold is not null"'
        )
    return found[0]


def _print_run(lake: Lake, run: RunRecord) -> None:
    """Print the run, and every reason why the rebuilt gold may differ from the published gold."""
    from f1_lakehouse.observability.log_output import tell
    from f1_lakehouse.observability.run_log import code_version
    from f1_lakehouse.project_files import project_digest

    print(f"run {run.run_id} of {run.started_at:%Y-%m-%d %H:%M:%S} UTC by {run.user}: {run.origin}")
    for what, then, now in (
        ("code", run.code_version, code_version()),
        ("dbt_f1", run.dbt_version, project_digest()),
    ):
        if then != now:
            tell(f"{what} was {then} and is {now}: this may explain a difference", "progress")
    late = [p for p in lake.bronze.pull_log.all() if run.seen_at and run.seen_at < p.at <= run.ended_at]
    if late:
        tell(
            f"{counted(len(late), 'pull')} arrived during the run, which may have read some of them",
            "progress",
        )


def _rows(fingerprint: str | None) -> str:
    """The number of rows (of telemetry tables: of sessions) at the beginning of a fingerprint."""
    return f"{int(fingerprint.split('-', 1)[0]):,}" if fingerprint else "none"


REPLAY_RUN = Command(
    "replay-run",
    "Rebuild gold as a run built it, next to the gold of the lake, and compare them",
    _replay_run,
    _add_arguments,
)
