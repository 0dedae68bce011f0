"""`f1 load` and `f1 transform`: arguments, call, progress, and the result.

Does not belong here: planning and running a load (runs/load.py).
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from f1_lakehouse import interrupts
from f1_lakehouse.cli.command import EXIT_FAILED, Command
from f1_lakehouse.cli.errors import CliError
from f1_lakehouse.cli.lake_folder import lake_settings
from f1_lakehouse.counts import counted

if TYPE_CHECKING:
    from f1_lakehouse.cli.progress import LoadProgress
    from f1_lakehouse.runs.estimate import Estimate
    from f1_lakehouse.runs.report import Report
    from f1_lakehouse.session_names import NamedSession


def _seasons(text: str) -> list[int]:
    """The seasons of a year or a range of years."""
    from f1_lakehouse.runs.selection import seasons_of

    try:
        return seasons_of([text])
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


LOAD_HELP = """\
f1 load alone requests what is due of the sessions of this season that ended in the last 35 days: first
pulls and corrections, with telemetry; and this season at Jolpica. What is loaded and not due is not
requested again. A load of more than 2,000 requests or two hours is described first, and asks.

examples:
  f1 load 2024 singapore race             one session
  f1 load 2024 singapore                  lists the sessions that this can mean, and loads nothing
  f1 load 2024 round 18 q --no-telemetry  the qualifying, by round (also: fp1, fp2, fp3, sq, sprint)
  f1 load --season 2024 --session-type Race Sprint --no-telemetry
  f1 load --season 1950-1999 --source jolpica"""


def _add_load_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = LOAD_HELP
    parser.add_argument(
        "name",
        nargs="*",
        metavar="NAME",
        help="one session by name: year, Grand Prix, country, place or round, and session (see f1 sessions)",
    )
    parser.add_argument(
        "--session", nargs="+", action="extend", default=[], metavar="KEY", help="session keys, or latest"
    )
    parser.add_argument(
        "--meeting", nargs="+", action="extend", default=[], metavar="KEY", help="meeting keys, or latest"
    )
    parser.add_argument(
        "--season",
        nargs="+",
        action="extend",
        default=[],
        type=_seasons,
        metavar="YEAR",
        help="seasons and ranges of seasons, for example 1950-1999 2024",
    )
    parser.add_argument(
        "--source",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="only these sources; F1_SOURCES by default",
    )
    parser.add_argument(
        "--lap-times",
        action="store_true",
        help="also lap times and pit stops of every race of the seasons (12 requests per race)",
    )
    parser.add_argument(
        "--session-type",
        nargs="+",
        action="extend",
        default=[],
        metavar="TYPE",
        help="only these types: Race, Sprint, Qualifying, 'Sprint Qualifying', Practice",
    )
    parser.add_argument(
        "--endpoint", nargs="+", action="extend", default=[], metavar="NAME", help="only these endpoints"
    )
    parser.add_argument(
        "--no-telemetry", action="store_true", help="exclude car_data and location (most of the rows)"
    )
    parser.add_argument("--no-transform", action="store_true", help="load into bronze only")
    parser.add_argument(
        "--yes", action="store_true", help="begin a load with more than 2,000 requests or two hours"
    )
    parser.add_argument(
        "--force", action="store_true", help="request everything again, even if it is loaded and not due"
    )


def _add_transform_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--full-refresh", action="store_true", help="rebuild silver and gold from all of bronze"
    )
    parser.add_argument(
        "--again", action="store_true", help="build and test all tables, also those that are up to date"
    )


def _load(given: argparse.Namespace) -> int:
    from f1_lakehouse.sources.openf1.calendar import Category

    names = {str(one).lower(): one for one in Category if one is not Category.OTHER}
    for text in given.session_type:
        if text.lower().replace("-", " ") not in names:
            raise CliError(
                f"--session-type {text}: unknown session type; choose from {', '.join(names.values())}"
            )
    lake_settings(must_exist=False, writes=True)
    from f1_lakehouse.cli.progress import LoadProgress
    from f1_lakehouse.runs.load import load
    from f1_lakehouse.runs.selection import Selection
    from f1_lakehouse.session_names import AmbiguousSessionError

    selection = Selection(
        sessions=given.session,
        meetings=given.meeting,
        seasons=sorted({season for seasons in given.season for season in seasons}),
        sources=given.source,
        lap_times=given.lap_times,
        name=" ".join(given.name),
        categories=[names[text.lower().replace("-", " ")] for text in given.session_type],
        endpoints=given.endpoint,
        telemetry=not given.no_telemetry,
        force=given.force,
    )
    with _monitored(), LoadProgress() as progress, interrupts.described(progress.describe):
        try:
            report = load(
                selection,
                progress,
                transform=not given.no_transform,
                confirm=lambda estimate: _confirm(estimate, progress.paused, yes=given.yes),
            )
        except AmbiguousSessionError as error:
            with progress.paused():
                _print_candidates(error.candidates)
            raise CliError(
                f"{selection.name!r} means {len(error.candidates)} sessions; choose one of these"
            ) from None
    return _print_result(report, progress)


def _confirm(
    estimate: Estimate, paused: Callable[[], contextlib.AbstractContextManager[None]], *, yes: bool
) -> None:
    """Ask before a large load, within `paused`. Raises CliError if the answer is not yes, or if there is no terminal to ask on."""
    if not estimate.is_large or yes:
        return
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise CliError(
            f"this load takes {estimate}; run it again with --yes, or load less (--no-telemetry, --session-type)"
        )
    with paused():
        print(f"This load takes {estimate}. Load it? [y/N] ", end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline()
    if answer.strip().lower() not in ("y", "yes"):
        raise CliError("not loaded; --no-telemetry and --session-type make a load smaller")


def _print_candidates(candidates: Mapping[NamedSession, str | None]) -> None:
    """Print the sessions that an ambiguous name means, each with the command that loads it."""
    for one, name in candidates.items():
        print(
            f"  f1 load {name or f'--session {one.key}':<32} {one.title}, {one.start:%Y-%m-%d}",
            file=sys.stderr,
        )
    if len(keys := {one.meeting_key for one in candidates}) == 1:
        print(f"  f1 load {f'--meeting {keys.pop()}':<32} all of them", file=sys.stderr)


def _transform(given: argparse.Namespace) -> int:
    lake_settings(writes=True)
    return build_gold(full_refresh=given.full_refresh, always=given.again or given.full_refresh)


def build_gold(*, full_refresh: bool = False, always: bool = False) -> int:
    """Build silver and gold of the current lake, publish gold, and print the result; the exit code.

    Nothing is built if all of it is up to date, unless `always`.
    """
    from f1_lakehouse.cli.progress import LoadProgress
    from f1_lakehouse.lakehouse import current_lake
    from f1_lakehouse.runs.load import nothing_to_build, run_transform

    if not always and nothing_to_build(current_lake()):
        print("gold is up to date with bronze; to build and test it again: f1 transform --again")
        return 0
    with _monitored(), LoadProgress() as progress, interrupts.described(progress.describe):
        report = run_transform(
            current_lake(), progress, full_refresh=full_refresh, always=True, only_changed=not always
        )
    return _print_result(report, progress)


@contextlib.contextmanager
def _monitored() -> Iterator[None]:
    """After a load or a transform, failed or not, do what the daemon's sensor does: record runs and notify."""
    from f1_lakehouse.cli.alerts import look_after

    try:
        yield
    except Exception:
        interrupts.check()
        look_after()
        raise
    look_after()


def _print_result(report: Report, progress: LoadProgress) -> int:
    """Print what a load or a transform did; return the exit code."""
    from f1_lakehouse.cli.summary import print_checks, print_loaded, print_where
    from f1_lakehouse.lakehouse import current_settings
    from f1_lakehouse.observability.log_output import tell

    settings = current_settings()
    print_loaded(progress.pulls, progress.seconds)
    if report.checks:
        from f1_lakehouse.runs.repository import check_descriptions

        print_checks(report.failed_checks, report.checks, settings, check_descriptions)
    for line in report.warnings:
        tell(f"warning: {line}", "warning")
    for line in report.failures:
        tell(f"failed: {line}", "failed")
    if report.unfinished:
        print(f"skipped: {counted(report.unfinished, 'session')} not ended yet")
    if not report.is_success:
        tell(
            "f1: not everything was loaded; completed pulls are saved, run the same command again to resume",
            "failed",
        )
        return EXIT_FAILED
    if report.transformed:
        print_where(settings, [one.partition.key for one in report.asked])
    return 0


LOAD = Command(
    "load",
    "Load sessions and seasons from their sources into published gold; resumes where it stopped",
    _load,
    _add_load_arguments,
)
TRANSFORM = Command(
    "transform", "Build silver and gold from bronze, and publish gold", _transform, _add_transform_arguments
)
