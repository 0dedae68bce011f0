"""`f1 demo`: a generated race weekend and an old season, served by embedded sources, from the request to published gold.

Does not belong here: the generator and the server (the package simulator), and the load itself (runs/load.py).
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from f1_lakehouse import interrupts
from f1_lakehouse.cli.alerts import look_after
from f1_lakehouse.cli.command import EXIT_FAILED, Command, port

if TYPE_CHECKING:
    from f1_lakehouse.cli.progress import LoadProgress
    from f1_lakehouse.settings import Settings

SEASON, SEED = 2025, 7

LEADERBOARD = """
select r.position as pos, d.full_name as driver, r.team_name as team, r.grid_position as grid, r.positions_gained as gained,
    r.status, r.points, r.fastest_lap_time as fastest_lap_s
from fact_results r join dim_sessions s using (session_key)
    join dim_drivers d on d.driver_id = r.driver_id and s.date_start >= d.valid_from and (d.valid_to is null or s.date_start < d.valid_to)
where s.is_race order by r.position nulls last limit 10
"""
LAPS = """
select l.position as pos, l.driver_number as car, l.team_name as team, l.fastest_lap_time as best_s,
    l.fastest_lap_number as on_lap, l.delta_to_fastest as gap_s
from session_leaderboard l join dim_sessions s using (session_key) where s.is_race order by l.position limit 5
"""
DIFFERENCE = """
select r.season, r.round_number, r.session_category, r.column_name, r.jolpica_value, r.openf1_value, r.class, p.full_name
from source_reconciliation r left join dim_people p using (driver_id)
where r.class = 'new' order by r.column_name <> 'points', r.season, r.round_number, r.reconciliation_key limit 1
"""
"""One of the differences that the generator plants (simulator/history.py, `PLANTED`): no rule explains them, so their class is `new`."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ui", action="store_true", help="then open the Dagster UI on that lake, while its OpenF1 is served"
    )
    parser.add_argument("--port", type=port, default=3000, metavar="N", help="port of the UI")


def _demo(given: argparse.Namespace) -> int:
    from f1_lakehouse.settings import load_settings

    return run_demo(load_settings().root / "demo", ui_port=given.port if given.ui else None)


def run_demo(root: Path, *, ui_port: int | None = None) -> int:
    """Generate, serve and load one weekend into a lake at `root`, then print the result; the exit code.

    Args:
        root: the separate lake of the demo; data of an earlier demo is kept and not requested again.
        ui_port: then run the Dagster UI on this port, with the generated OpenF1 still served.
    """
    from f1_lakehouse.simulator.embedded import embedded_sources
    from f1_lakehouse.simulator.old_season import OLD_SEASON

    began = time.monotonic()
    here = Path.cwd()  # dbt changes the working directory of the process
    source = _generated_weekend(root)
    with embedded_sources(source, root) as variables:
        # The lake is separate and its servers have no limits; child processes (dbt, the UI) must use the same.
        os.environ.update(variables, F1_LAKEHOUSE_ROOT=str(root / "lake"))
        os.environ.pop("F1_STORE_URI", None)
        from f1_lakehouse.cli.progress import LoadProgress
        from f1_lakehouse.lakehouse import current_lake
        from f1_lakehouse.runs.load import load
        from f1_lakehouse.runs.selection import Selection

        with LoadProgress() as progress, interrupts.described(progress.describe):
            report = load(Selection(seasons=[OLD_SEASON, SEASON], telemetry=False), progress)
        look_after()
        for line in report.failures:
            print(f"failed: {line}", file=sys.stderr)
        if report.failures:
            return EXIT_FAILED
        settings = current_lake().settings
        _print_result(settings, progress)
        _print_next_steps(settings, here, time.monotonic() - began)
        if ui_port is not None:
            from f1_lakehouse.cli.ui import serve

            return serve("127.0.0.1", ui_port)
    return 0


def _generated_weekend(root: Path) -> Path:
    """The folder of the generated responses; generated unless an earlier demo has done it."""
    from f1_lakehouse.simulator.generate import generate

    source = root / "openf1"
    if not source.exists():
        print(f"generating a race weekend in {source}", file=sys.stderr)
        # Renamed when complete: the next demo must not use an incomplete weekend.
        partial = root / "openf1.partial"
        shutil.rmtree(partial, ignore_errors=True)
        generate(partial, season=SEASON, meetings=1, telemetry=False, seed=SEED)
        partial.replace(source)
    return source


def _print_result(settings: Settings, progress: LoadProgress) -> None:
    """Print the result of the race, its fastest laps, what was loaded, the failed checks, and a difference of the sources."""
    from f1_lakehouse.cli.query import run_query
    from f1_lakehouse.cli.summary import print_checks, print_loaded
    from f1_lakehouse.publishing.data_card import GENERATED
    from f1_lakehouse.runs.repository import check_descriptions, latest_checks

    print(f"\n{GENERATED}")
    print("The race, generated result (from fact_results):")
    run_query(settings, LEADERBOARD, "table")
    print("Fastest laps of the race, generated (from session_leaderboard):")
    run_query(settings, LAPS, "table")
    print_loaded(progress.pulls, progress.seconds)
    results = latest_checks()
    print_checks([one for one in results if not one.passed], len(results), settings, check_descriptions)
    print_planted_difference(settings)


def print_planted_difference(settings: Settings) -> None:
    """Print a difference that the generator planted between the two sources, its class, and where it is shown."""
    from f1_lakehouse.publishing.gold_file import connect_gold
    from f1_lakehouse.site.sections.reconciliation import written
    from f1_lakehouse.site.site import site

    with connect_gold(settings) as con:
        found = con.execute(DIFFERENCE).fetchone()
    if found is None:
        return
    season, number, session, column, jolpica, openf1, kind, driver = found
    print(
        f"Planted difference of the two sources, found: {column} of {driver}, round {number} of {season} ({session}): "
        f"{written(column, jolpica)} in Jolpica, {written(column, openf1)} in OpenF1.\n"
        f"  Its class is {kind}: no rule of seed reconciliation_classes explains it, so a check warns. "
        "Gold has the value of Jolpica, which is first in seed source_precedence.\n"
        f'  page: {site(settings) / f"{season}/index.html"}#sources   query: f1 sql "from source_reconciliation"'
    )


def _print_next_steps(settings: Settings, here: Path, seconds: float) -> None:
    """Print commands to try next, with paths relative to the folder that the demo was started in."""
    from f1_lakehouse.cli.summary import page_of

    lake = f"F1_LAKEHOUSE_ROOT={os.path.relpath(settings.root, here)}"
    f1 = os.path.relpath(Path(sys.executable).parent / "f1", here)
    print(f"\n{seconds:.0f} s. Next steps:")
    print(f'  {lake} {f1} sql "show tables"       query published gold')
    print(f"  {lake} {f1} status                  show loaded sessions")
    print(f"  {f1} demo --ui                       open the same lake in the Dagster UI")
    print(f"  {f1} load --session latest           load real data into local_data/")
    print(f"The page of the generated race, to open in a browser:\n  {page_of(settings)}")


DEMO = Command(
    "demo", "Run a generated race weekend through the lakehouse, in a separate lake", _demo, _add_arguments
)
