"""`f1 demo`: a generated race weekend and an old season, served by the embedded sources, through the whole lakehouse."""

import os
import shutil
import sys
import time
from pathlib import Path

from f1_lakehouse import interrupts
from f1_lakehouse.cli.alerts import look_after
from f1_lakehouse.cli.progress import LoadProgress
from f1_lakehouse.cli.query import run_query
from f1_lakehouse.cli.summary import page_of, print_checks, print_loaded
from f1_lakehouse.publishing.data_card import GENERATED
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


def run_demo(root: Path, *, ui_port: int | None = None) -> int:
    """Generate, serve and load one weekend into a lake at `root`, then show what is there; the exit code.

    Args:
        root: the demo's own lake; what an earlier demo left there is kept and not asked for again.
        ui_port: then run the Dagster UI on this port, with the generated OpenF1 still served.
    """
    from f1_lakehouse.simulator.ergast import History
    from f1_lakehouse.simulator.generate import generate
    from f1_lakehouse.simulator.history import write_history
    from f1_lakehouse.simulator.jolpica import JolpicaApi, JolpicaServer
    from f1_lakehouse.simulator.old_season import OLD_SEASON
    from f1_lakehouse.simulator.server import ReplayServer

    began = time.monotonic()
    here = Path.cwd()  # dbt changes the working directory of the process
    source = root / "openf1"
    if not source.exists():
        print(f"generating a race weekend in {source}", file=sys.stderr)
        # By another name first: half a weekend must not be taken for one by the next demo.
        partial = root / "openf1.partial"
        shutil.rmtree(partial, ignore_errors=True)
        generate(partial, season=SEASON, meetings=1, telemetry=False, seed=SEED)
        partial.replace(source)
    # Written each time: it takes milliseconds, and a demo of an older version has none.
    history = History(write_history(root / "jolpica", source))
    with ReplayServer(source) as server, JolpicaServer(JolpicaApi(history)) as jolpica:
        # The demo's lake is its own and its server has no limits; children (dbt, the UI) must see the same.
        os.environ.update(
            F1_LAKEHOUSE_ROOT=str(root / "lake"),
            F1_OPENF1_URL=server.url,
            F1_OPENF1_REQUESTS_PER_SECOND="0",
            F1_OPENF1_REQUESTS_PER_MINUTE="0",
            F1_JOLPICA_URL=jolpica.url,
            F1_JOLPICA_REQUESTS_PER_SECOND="0",
            F1_JOLPICA_REQUESTS_PER_HOUR="0",
        )
        os.environ.pop("F1_STORE_URI", None)
        from f1_lakehouse.lakehouse import current_lake
        from f1_lakehouse.runs.load import Selection, load

        with LoadProgress() as progress, interrupts.described(progress.describe):
            report = load(Selection(seasons=[OLD_SEASON, SEASON], telemetry=False), progress)
        look_after()
        for line in report.failures:
            print(f"failed: {line}", file=sys.stderr)
        if report.failures:
            return 1
        settings = current_lake().settings
        print(f"\n{GENERATED}")
        print("The race, generated result (from fact_results):")
        run_query(settings, LEADERBOARD, "table")
        print("Fastest laps of the race, generated (from session_leaderboard):")
        run_query(settings, LAPS, "table")
        print_loaded(progress.pulls, progress.seconds)
        _print_checks(settings)
        lake = f"F1_LAKEHOUSE_ROOT={os.path.relpath(settings.root, here)}"
        f1 = os.path.relpath(Path(sys.executable).parent / "f1", here)
        print(f"\n{time.monotonic() - began:.0f} s. Where to look next:")
        print(f'  {lake} {f1} sql "show tables"       query the published gold')
        print(f"  {lake} {f1} status                  what is there, since when")
        print(f"  {f1} demo --ui                       the same lake in the Dagster UI")
        print(f"  {f1} load --session latest           the real thing, into local_data/")
        print(f"The page of the generated race, to open in a browser:\n  {page_of(settings)}")
        if ui_port is not None:
            from f1_lakehouse.cli.ui import serve

            return serve("127.0.0.1", ui_port)
    return 0


def _print_checks(settings: Settings) -> None:
    """The last result of every asset check of the demo's lake, as Dagster has recorded it."""
    from f1_lakehouse.runs.run_job import check_descriptions, latest_checks

    results = latest_checks()
    print_checks([one for one in results if not one.passed], len(results), settings, check_descriptions)
