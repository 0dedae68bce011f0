"""The command line `f1`: parses, calls, prints. Logic belongs to the modules that it calls.

Imports are made inside the commands: Dagster and dbt take seconds to import, and `f1 --help` should not.
"""

import argparse
import contextlib
import errno
import logging
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from f1_lakehouse import interrupts
from f1_lakehouse.errors import F1LakehouseError

if TYPE_CHECKING:
    from f1_lakehouse.cli.progress import LoadProgress
    from f1_lakehouse.runs.load import Report, Selection
    from f1_lakehouse.settings import Settings

EXIT_FAILED, EXIT_USAGE = 1, 2
MAX_PORT = 65_535


class CliError(F1LakehouseError):
    """A user's mistake; one line that names the cause and the cure."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """Build the parser of the complete command line."""
    top = _Parser(
        prog="f1", description="A Formula 1 lakehouse: OpenF1 → Delta bronze → dbt silver and gold."
    )
    top.add_argument("--version", action="store_true", help="print the version and exit")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)

    def command(name: str, run: Callable[[argparse.Namespace], int], summary: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=summary, description=summary)
        sub.set_defaults(run=run)
        return sub

    load = command("load", _load, "Load sessions from OpenF1 into published gold; resumes where it stopped")
    load.add_argument(
        "--session", nargs="+", action="extend", default=[], metavar="KEY", help="session keys, or latest"
    )
    load.add_argument(
        "--meeting", nargs="+", action="extend", default=[], metavar="KEY", help="meeting keys, or latest"
    )
    load.add_argument(
        "--season",
        nargs="+",
        action="extend",
        default=[],
        metavar="YEAR",
        help="seasons and ranges of seasons, for example 1950-1999 2024",
    )
    load.add_argument(
        "--source",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="only these sources: openf1, jolpica; F1_SOURCES by default",
    )
    load.add_argument(
        "--lap-times",
        action="store_true",
        help="also lap times and pit stops of every race of the seasons, from Jolpica (12 requests per race)",
    )
    load.add_argument(
        "--session-type",
        nargs="+",
        action="extend",
        default=[],
        metavar="TYPE",
        help="only these types: Race, Sprint, Qualifying, 'Sprint Qualifying', Practice",
    )
    load.add_argument(
        "--endpoint", nargs="+", action="extend", default=[], metavar="NAME", help="only these endpoints"
    )
    load.add_argument(
        "--no-telemetry", action="store_true", help="exclude car_data and location (most of the rows)"
    )
    load.add_argument("--no-transform", action="store_true", help="load into bronze only")
    load.add_argument(
        "--force", action="store_true", help="request everything again, even if it is loaded and not due"
    )

    transform = command("transform", _transform, "Build silver and gold from bronze, and publish gold")
    transform.add_argument(
        "--full-refresh", action="store_true", help="rebuild silver and gold from all of bronze"
    )

    replay = command("replay", _replay, "Serve FOLDER/<endpoint>/*.json[.gz] as an OpenF1 API")
    replay.add_argument("folder", type=Path, metavar="FOLDER")
    replay.add_argument("--port", type=_port, default=8000, metavar="N")
    replay.add_argument("--host", default="127.0.0.1", metavar="H")
    replay.add_argument(
        "--max-rows",
        type=int,
        default=0,
        metavar="N",
        help="respond with 422 above this number of rows; 0: never",
    )
    replay.add_argument(
        "--rps", type=int, default=0, metavar="N", help="allowed requests per second; 0: unlimited"
    )
    replay.add_argument(
        "--rpm", type=int, default=0, metavar="N", help="allowed requests per minute; 0: unlimited"
    )
    replay.add_argument(
        "--fail-rate", type=_share, default=0.0, metavar="P", help="share of responses that fail, 0 to 1"
    )
    replay.add_argument("--live", action="store_true", help="respond with 401, as during a live session")

    generate = command("generate", _generate, "Generate a season in the layout that f1 replay serves")
    generate.add_argument("folder", type=Path, metavar="FOLDER")
    generate.add_argument("--season", type=_year, required=True, metavar="YEAR")
    generate.add_argument("--meetings", type=int, required=True, metavar="N")
    generate.add_argument(
        "--telemetry", action="store_true", help="include car_data and location at full rate"
    )
    generate.add_argument(
        "--seed", type=int, default=0, metavar="N", help="the same seed generates the same bytes"
    )

    demo = command("demo", _demo, "Run a generated race weekend through the lakehouse, in a separate lake")
    demo.add_argument(
        "--ui", action="store_true", help="then open the Dagster UI on that lake, while its OpenF1 is served"
    )
    demo.add_argument("--port", type=_port, default=3000, metavar="N", help="port of the UI")

    ui = command("ui", _ui, "Run the Dagster UI and daemon on this lake")
    ui.add_argument("--host", default="127.0.0.1", metavar="H")
    ui.add_argument("--port", type=_port, default=3000, metavar="N")
    ui.add_argument("--read-only", action="store_true", help="run only a UI that cannot change anything")

    command("daemon", _daemon, "Run only the Dagster daemon, for a lake whose UI runs elsewhere")

    report = command("report", _report, "Update the static site from published gold")
    which = report.add_mutually_exclusive_group()
    which.add_argument(
        "--session", metavar="KEY", help="print the path of the page of this session; or latest"
    )
    which.add_argument(
        "--season", type=_year, metavar="YEAR", help="print the path of the page of this season"
    )
    report.add_argument("--open", action="store_true", help="open that page in a browser")

    status = command("status", _status, "Show loaded sessions, when they were loaded, and what is due")
    status.add_argument("--session", type=int, metavar="KEY", help="show each endpoint of one session")

    alerts = command("alerts", _alerts, "Show current problems, since when, and what to do")
    alerts.add_argument(
        "--test", action="store_true", help="send a test message to each receiver of F1_ALERT_URLS"
    )

    sql = command("sql", _sql, "Query published gold and the logs: runs, pulls, alerts")
    sql.add_argument(
        "--as-of",
        metavar="TIME",
        help="query gold as of this time (UTC), for example 2024-09-22T20:00; builds it first",
    )
    sql.add_argument("query", metavar="SQL", help='for example "from session_leaderboard limit 5"')
    form = sql.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="comma-separated values")
    form.add_argument("--json", action="store_true", help="one JSON array of objects")
    form.add_argument("--parquet", type=Path, metavar="FILE", help="write a Parquet file")

    replay_run = command(
        "replay-run",
        _replay_run,
        "Rebuild gold as a run built it, next to the gold of the lake, and compare them",
    )
    replay_run.add_argument(
        "run_id", metavar="RUN_ID", help='a run id or its first characters; f1 sql "from runs" lists them'
    )

    history = command(
        "history", _history, "Show the pulls of a bronze table and their changes, or an earlier version"
    )
    history.add_argument("table", metavar="TABLE")
    history.add_argument("--session", type=int, metavar="KEY", help="only one session (or season)")
    history.add_argument(
        "--changes", action="store_true", help="show every inserted, updated and deleted row"
    )
    history.add_argument("--since", metavar="TIME", help="only pulls after this time (UTC)")
    what = history.add_mutually_exclusive_group()
    what.add_argument(
        "--version", dest="as_of", type=int, metavar="N", help="show the rows of a version of the table"
    )
    what.add_argument("--at", metavar="TIME", help="show the rows at this time (UTC)")
    what.add_argument(
        "--diff",
        type=int,
        nargs=2,
        metavar=("A", "B"),
        help="show the rows that changed from version A to B",
    )
    history.add_argument("--json", action="store_true", help="JSON, one row per line")

    restore = command("restore", _restore, "Restore a bronze table to a version; creates a new version")
    restore.add_argument("table", metavar="TABLE")
    restore.add_argument(
        "--version", dest="as_of", type=int, required=True, metavar="N", help="a version number of f1 history"
    )
    restore.add_argument(
        "--yes", action="store_true", help="restore; without --yes, only show what would be lost"
    )

    rebuild = command(
        "rebuild-bronze",
        _rebuild,
        "Rebuild missing or damaged parts of bronze from landing, without a request",
    )
    rebuild.add_argument("--endpoint", nargs="+", action="extend", default=[], metavar="NAME")

    optimize = command(
        "optimize", _optimize, "Compact small files; loads and readers can run at the same time"
    )
    optimize.add_argument("tables", nargs="*", metavar="TABLE", help="default: all tables")
    optimize.add_argument("--z-order", action="store_true", help="sort telemetry by session, driver and date")

    vacuum = command(
        "vacuum", _vacuum, "Count, or with --yes remove, files that no version of the last week needs"
    )
    vacuum.add_argument("tables", nargs="*", metavar="TABLE", help="default: all tables")
    vacuum.add_argument(
        "--days",
        type=int,
        default=7,
        metavar="N",
        help="keep files of versions younger than this; at least 7",
    )
    vacuum.add_argument("--yes", action="store_true", help="remove the files; without --yes, only count them")
    vacuum.add_argument("--dry-run", action="store_true", help="only count the files, as without --yes")

    backup = command("backup", _backup, "Copy new raw responses to FOLDER")
    backup.add_argument("folder", type=Path, metavar="FOLDER")
    backup.add_argument(
        "--restore", action="store_true", help="restore missing and damaged files of this lake from FOLDER"
    )

    promote = command(
        "promote", _promote, "Copy the pulls of another environment's lake into this one, and build gold"
    )
    promote.add_argument("folder", type=Path, metavar="FOLDER", help="the root of the source lake")
    promote.add_argument(
        "--yes", action="store_true", help="promote; without --yes, only show what would be copied"
    )

    verify = command(
        "verify", _verify, "Check every raw response against its sha256, and bronze against the pull log"
    )
    verify.add_argument(
        "folder", type=Path, nargs="?", metavar="FOLDER", help="check a backup instead of this lake"
    )
    return top


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: exits 0, 1 (failed), 2 (wrong call), 130 (ended by SIGINT) or 143 (ended by SIGTERM)."""
    top = parser()
    given = top.parse_args(arguments)
    if given.version:
        from f1_lakehouse import __version__

        print(__version__)
        sys.exit(0)
    if given.command is None:
        top.print_help()
        sys.exit(EXIT_USAGE)
    # Libraries set levels of their own; what reaches the terminal is held back at the handler.
    handler = logging.StreamHandler()
    handler.setLevel(logging.CRITICAL)
    logging.basicConfig(handlers=[handler])
    interrupts.install(_say_interrupted)
    try:
        code = given.run(given)
        interrupts.check()
    except KeyboardInterrupt:
        interrupts.end()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        # An import that is interrupted may fail of something else: pydantic, for one, raises an error of its own.
        if interrupts.is_requested():
            interrupts.end()
        line = _in_one_line(error)
        if line is None:
            raise
        _complain(f"f1: {line}")
        code = EXIT_FAILED
    finally:
        if arguments is not None:  # called by another program, which goes on
            interrupts.uninstall()
    sys.exit(code)


def _say_interrupted(what: str) -> None:
    """The last lines of a command that was interrupted: what is complete, and how to go on."""
    from f1_lakehouse.observability.log_output import tell_directly

    again = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    tell_directly(
        [f"f1: interrupted; {what}" if what else "f1: interrupted", f"f1: to continue, run again: {again}"]
    )


def _complain(line: str) -> None:
    from f1_lakehouse.observability.log_output import tell

    tell(line, "failed")


def _in_one_line(error: Exception) -> str | None:
    """What to tell the user of an error; None for a defect, which keeps its traceback."""
    if _is_expected(error):
        return " ".join(str(error).split())
    if isinstance(error, PermissionError) and error.filename:
        return f"{error.filename}: this user may not do that there"
    if isinstance(error, OSError) and (error.errno or "pyarrow" in "".join(_modules(error))):
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        cures = {errno.ENOSPC: "free some space", errno.EDQUOT: "free some space"}
        return f"{' '.join(what.split())}; {cures.get(error.errno or 0, 'name another file or folder')}"
    for module, name in (
        ("deltalake.exceptions", "DeltaError"),
        ("duckdb", "IOException"),
        ("sqlite3", "OperationalError"),
        ("sqlalchemy.exc", "OperationalError"),
    ):
        if module in sys.modules and isinstance(error, getattr(sys.modules[module], name)):
            what = " ".join(str(getattr(error, "orig", None) or error).split())
            return f"{what}; look whether the disk is full and the lake's folder writable"
    return None


def _modules(error: Exception) -> Iterator[str]:
    """The files that an error came through."""
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame.f_code.co_filename
        trace = trace.tb_next


def _is_expected(error: Exception) -> bool:
    """Whether the message of an error is meant for the user."""
    # A class of Dagster's can have been raised only if its module has been imported.
    postgres = sys.modules.get("dagster_postgres.utils")
    return isinstance(error, F1LakehouseError) or (
        postgres is not None and isinstance(error, postgres.DagsterPostgresException)
    )


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 0 to {MAX_PORT}")
    return int(text)


def _share(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share: 0 to 1")
    return found


def _year(text: str) -> int:
    if not text.isdigit() or len(text) != 4:
        raise argparse.ArgumentTypeError(f"{text!r} is no year")
    return int(text)


# Lakes


def _settings(*, must_exist: bool = True, writes: bool = False) -> "Settings":
    """The settings, after a look at the folder: a lake, or one that can become one, and to be changed by who `writes`."""
    from f1_lakehouse.observability.log_output import log_as
    from f1_lakehouse.settings import LogFormat, load_settings

    settings = load_settings()
    os.environ.update(settings.proxy_environment())
    log_as(json=settings.log_format is LogFormat.JSON)
    root = settings.root
    if root.exists() and not root.is_dir():
        raise CliError(f"{root} is not a folder; set F1_LAKEHOUSE_ROOT to the folder of the lake")
    # A lake that has lost its ledger, or has nothing but a landing brought back from a backup, is one too.
    # And a reader may have been given nothing but what is published.
    parts = (settings.gold, root / "bronze" / "_pulls", root / "landing", root / "dagster")
    is_lake = any(part.exists() for part in parts) or settings.store_uri is not None
    if must_exist and not is_lake:
        raise CliError(
            f"{root} is not a lake: nothing was loaded into it; run f1 load, or set F1_LAKEHOUSE_ROOT"
        )
    foreign = [p.name for p in root.iterdir()] if root.is_dir() and not is_lake else []
    known = {
        "README.md",
        ".gitkeep",
        "demo",
        "stage",
        "prod",
        "landing",
        "bronze",
        "locks",
        "openf1_limits.sqlite",
        "jolpica_limits.sqlite",
    }
    if set(foreign) - known:
        raise CliError(
            f"{root} is not a lake and not empty ({', '.join(sorted(set(foreign) - known)[:3])} …); "
            "set F1_LAKEHOUSE_ROOT to an empty folder or to a lake"
        )
    if writes and root.exists() and not os.access(root, os.W_OK | os.X_OK):
        raise CliError(f"{root} may only be read by this user, and this command changes it (f1 sql does not)")
    return settings


# Loading


def _load(given: argparse.Namespace) -> int:
    from f1_lakehouse.sources.openf1.calendar import Category

    names = {str(one).lower(): one for one in Category if one is not Category.OTHER}
    for text in given.session_type:
        if text.lower().replace("-", " ") not in names:
            raise CliError(f"--session-type {text}: there are {', '.join(one for one in names.values())}")
    _settings(must_exist=False, writes=True)
    from f1_lakehouse.runs.load import Selection
    from f1_lakehouse.sources.jolpica.partitions import seasons_of

    try:
        seasons = seasons_of(given.season)
    except ValueError as error:
        raise CliError(f"--season {error}") from None
    selection = Selection(
        sessions=given.session,
        meetings=given.meeting,
        seasons=seasons,
        sources=given.source,
        lap_times=given.lap_times,
        categories=[names[text.lower().replace("-", " ")] for text in given.session_type],
        endpoints=given.endpoint,
        telemetry=not given.no_telemetry,
        force=given.force,
    )
    return _run_load(selection, transform=not given.no_transform)


def _run_load(selection: "Selection", *, transform: bool) -> int:
    from f1_lakehouse.cli.progress import LoadProgress
    from f1_lakehouse.runs.load import load

    with _looked_after(), LoadProgress() as progress, interrupts.described(progress.describe):
        report = load(selection, progress, transform=transform)
    return _finish(report, progress)


@contextlib.contextmanager
def _looked_after() -> Iterator[None]:
    """After a load or a transform, and also when it fails, do what the daemon's sensor does: record, and tell."""
    from f1_lakehouse.cli.alerts import look_after

    try:
        yield
    except Exception:
        interrupts.check()
        look_after()
        raise
    look_after()


def _finish(report: "Report", progress: "LoadProgress") -> int:
    """Say what came of it; the exit code."""
    from f1_lakehouse.cli.summary import print_checks, print_loaded, print_where
    from f1_lakehouse.lakehouse import current_settings

    settings = current_settings()
    print_loaded(progress.pulls, progress.seconds)
    if report.checks:
        from f1_lakehouse.runs.run_job import check_descriptions

        print_checks(report.failed_checks, report.checks, settings, check_descriptions)
    for line in report.warnings:
        _complain(f"warning: {line}")
    for line in report.failures:
        _complain(f"failed: {line}")
    if report.unfinished:
        print(f"{len(report.unfinished)} sessions are still to come and were left out")
    if not report.is_success:
        _complain("f1: not everything was loaded; what has arrived is kept, run the same command to go on")
        return EXIT_FAILED
    if report.transformed:
        print_where(settings, [one.session.key for one in report.asked])
    return 0


def _transform(given: argparse.Namespace) -> int:
    _settings(writes=True)
    return _build_gold(full_refresh=given.full_refresh)


def _build_gold(*, full_refresh: bool = False) -> int:
    from f1_lakehouse.cli.progress import LoadProgress
    from f1_lakehouse.lakehouse import current_lake
    from f1_lakehouse.runs.load import run_transform

    with _looked_after(), LoadProgress() as progress, interrupts.described(progress.describe):
        report = run_transform(current_lake(), progress, full_refresh=full_refresh, always=True)
    return _finish(report, progress)


# The embedded OpenF1


def _replay(given: argparse.Namespace) -> int:
    from f1_lakehouse.simulator.ergast import History
    from f1_lakehouse.simulator.jolpica import JolpicaApi, JolpicaServer
    from f1_lakehouse.simulator.server import ReplayServer

    server = ReplayServer(
        given.folder,
        port=given.port,
        host=given.host,
        rps=given.rps,
        rpm=given.rpm,
        max_rows=given.max_rows,
        fail_rate=given.fail_rate,
        live=given.live,
    )
    with server, contextlib.ExitStack() as others:
        variables = f"F1_OPENF1_URL={server.url}"
        if (given.folder / "jolpica").is_dir():
            api = JolpicaApi(History(given.folder / "jolpica"))
            variables += f" F1_JOLPICA_URL={others.enter_context(JolpicaServer(api, host=given.host)).url}"
        else:
            variables += " F1_SOURCES=openf1"
        print(f"{given.folder} is served as {server.url}; use it with: {variables} f1 load …", flush=True)
        server.serve_forever()
    return 0


def _generate(given: argparse.Namespace) -> int:
    from f1_lakehouse.simulator.generate import generate
    from f1_lakehouse.simulator.history import write_history

    generate(
        given.folder, season=given.season, meetings=given.meetings, telemetry=given.telemetry, seed=given.seed
    )
    write_history(given.folder / "jolpica", given.folder)
    print(
        f"{given.folder}: {given.meetings} meetings of {given.season}; serve them with: f1 replay {given.folder}"
    )
    return 0


def _demo(given: argparse.Namespace) -> int:
    from f1_lakehouse.cli.demo import run_demo
    from f1_lakehouse.settings import load_settings

    return run_demo(load_settings().root / "demo", ui_port=given.port if given.ui else None)


# Looking


def _ui(given: argparse.Namespace) -> int:
    _settings(must_exist=given.read_only, writes=not given.read_only)
    from f1_lakehouse.cli.ui import serve, serve_read_only

    return (serve_read_only if given.read_only else serve)(given.host, given.port)


def _daemon(given: argparse.Namespace) -> int:
    _settings(must_exist=False, writes=True)
    from f1_lakehouse.cli.ui import serve_daemon

    return serve_daemon()


def _report(given: argparse.Namespace) -> int:
    settings = _settings(writes=True)
    from f1_lakehouse.cli.report import print_report

    return print_report(settings, given.session, given.season, browse=given.open)


def _status(given: argparse.Namespace) -> int:
    settings = _settings()
    from f1_lakehouse.cli.status import print_status

    return print_status(settings, given.session)


def _sql(given: argparse.Namespace) -> int:
    if not given.query.strip():
        raise CliError('there is no query; try f1 sql "show tables"')
    settings = _settings(writes=given.as_of is not None)
    from f1_lakehouse.cli.query import run_query

    form = "csv" if given.csv else "json" if given.json else "parquet" if given.parquet else "table"
    as_of = None
    if given.as_of is not None:
        from f1_lakehouse.cli.history import moment

        as_of = moment(given.as_of)
    return run_query(settings, given.query, form, given.parquet, as_of)


def _alerts(given: argparse.Namespace) -> int:
    settings = _settings(must_exist=not given.test)
    from f1_lakehouse.cli.alerts import print_alerts, send_test

    return send_test(settings) if given.test else print_alerts()


def _replay_run(given: argparse.Namespace) -> int:
    _settings(writes=True)
    from f1_lakehouse.cli.replay_run import print_replay
    from f1_lakehouse.lakehouse import current_lake

    return print_replay(current_lake(), given.run_id)


# Operating


def _on_record(settings: "Settings", name: str, do: Callable[[], int]) -> int:
    """Do what changes the lake without a run of Dagster, and enter it in the record of runs."""
    from f1_lakehouse.observability.run_log import Runs, on_record

    return on_record(Runs(f"{settings.records}/runs"), name, do)


def _history(given: argparse.Namespace) -> int:
    settings = _settings()
    from f1_lakehouse.cli.history import Wish, print_history

    diff = (given.diff[0], given.diff[1]) if given.diff else None
    wish = Wish(
        given.table, given.session, given.changes, given.since, given.as_of, given.at, diff, given.json
    )
    return print_history(settings, wish)


def _restore(given: argparse.Namespace) -> int:
    settings = _settings(writes=given.yes)
    from f1_lakehouse.cli.upkeep import print_restore

    def restore() -> int:
        return print_restore(settings, given.table, given.as_of, yes=given.yes)

    return _on_record(settings, "restore", restore) if given.yes else restore()


def _rebuild(given: argparse.Namespace) -> int:
    settings = _settings(must_exist=False, writes=True)
    from f1_lakehouse.cli.upkeep import print_rebuild

    return _on_record(settings, "rebuild-bronze", lambda: print_rebuild(settings, given.endpoint))


def _optimize(given: argparse.Namespace) -> int:
    settings = _settings(writes=True)
    from f1_lakehouse.cli.upkeep import print_optimize

    return _on_record(
        settings, "optimize", lambda: print_optimize(settings, given.tables, z_order=given.z_order)
    )


def _vacuum(given: argparse.Namespace) -> int:
    remove = given.yes and not given.dry_run
    settings = _settings(writes=remove)
    from f1_lakehouse.cli.upkeep import print_vacuum

    def vacuum() -> int:
        return print_vacuum(settings, given.tables, days=given.days, yes=remove)

    return _on_record(settings, "vacuum", vacuum) if remove else vacuum()


def _backup(given: argparse.Namespace) -> int:
    settings = _settings(must_exist=not given.restore, writes=given.restore)
    from f1_lakehouse.cli.upkeep import print_backup

    return print_backup(settings, given.folder.absolute(), restore=given.restore)


def _promote(given: argparse.Namespace) -> int:
    settings = _settings(must_exist=False, writes=given.yes)
    from f1_lakehouse.cli.promote import print_promotion

    def promote() -> int:
        return print_promotion(settings, given.folder.absolute(), yes=given.yes)

    return (_on_record(settings, "promote", promote) or _build_gold()) if given.yes else promote()


def _verify(given: argparse.Namespace) -> int:
    settings = _settings(must_exist=given.folder is None)
    from f1_lakehouse.cli.upkeep import print_verify

    return print_verify(settings, given.folder.absolute() if given.folder else None)
