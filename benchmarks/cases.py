"""The cases: each variant of a case does the complete job in a separate process and measures it.

`python -m benchmarks.cases CASE VARIANT FOLDER` runs one variant in an empty folder and prints its measurements as JSON.
A comparison of libraries excludes the start of Python and imports; the measurement of a command includes them. What the variants
share (a server, a copy of a lake) is prepared before the clock starts. Does not belong here: repetitions and tables (__main__.py).
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from benchmarks import lakes, layouts, references
from benchmarks.commands import command, load, load_season, ui_at_rest
from benchmarks.data import DLT, QUICK, race, serving, serving_race
from benchmarks.references import Clock, Measured, own_peak_mib


def _import_pandera() -> None:
    """Import what pandera otherwise imports at its first validation."""
    import pyarrow as pa

    from f1_lakehouse.sources.openf1.endpoints import BY_NAME
    from f1_lakehouse.validation.schemas import improbable

    schema = BY_NAME["weather"].schema
    rows = pa.table([pa.nulls(1, field.type) for field in schema], schema=schema)
    improbable(BY_NAME["weather"], rows)


# Telemetry of one race


def race_lakehouse(folder: Path, requests_at_once: int | None = None) -> Measured:
    """A pull of the lakehouse: limits, landing, typing, quarantine, fingerprint, validation, bronze, pull log."""
    from f1_lakehouse.ingest import pull
    from f1_lakehouse.lakehouse import Lake
    from f1_lakehouse.settings import load_settings
    from f1_lakehouse.sources.catalog import SeasonPartition
    from f1_lakehouse.sources.openf1.endpoints import BY_NAME
    from f1_lakehouse.sources.openf1.source import OPENF1

    with serving_race() as served:
        os.environ.update(lakes.environment(folder, served.url))
        at_once = requests_at_once or OPENF1.max_concurrent_requests
        lake = Lake.open(load_settings(), [replace(OPENF1, max_concurrent_requests=at_once)])
        for name in ("meetings", "sessions"):
            pull(lake, BY_NAME[name], SeasonPartition(served.season), why="benchmark")
        session = next(one for one in lake.calendar() if one.key == served.session_key)
        pull(lake, BY_NAME["drivers"], session, why="benchmark")
        before = served.requests()
        clock = Clock()
        done = [pull(lake, BY_NAME[feed], session, why="benchmark") for feed in references.TELEMETRY]
        rows = sum(one.rows + one.quarantined for one in done)
        return clock.stop(rows=rows, requests=served.requests() - before)


def race_bare(folder: Path) -> Measured:
    """requests, orjson, Arrow and delta-rs."""
    import deltalake  # noqa: F401
    import orjson  # noqa: F401
    import requests  # noqa: F401

    with serving_race() as served:
        clock = Clock()
        return clock.stop(rows=references.bare_race(served, folder), requests=served.requests())


def race_dlt(folder: Path) -> Measured:
    """dlt, in a separate virtual environment."""
    with serving_race() as served:
        command = [
            str(DLT / "bin" / "python"),
            "-m",
            "benchmarks.references",
            json.dumps(asdict(served)),
            str(folder),
        ]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        measured: Measured = json.loads(done.stdout.splitlines()[-1])
        return {**measured, "requests": served.requests()}


def _waiting(at_once: int) -> Callable[[Path], Measured]:
    def measure(folder: Path) -> Measured:
        os.environ |= {"F1_BENCH_SECONDS": "3"}
        # The other cases have no limits.
        lakes.WINDOWS = {"SECOND": "3", "MINUTE": "30"}
        return race_lakehouse(folder, at_once)

    measure.__doc__ = (
        f"Telemetry of one race within the limits of the public tier, 3 s per response, {at_once} at a time."
    )
    return measure


# Growth


def _copy(seasons: int) -> Path:
    root = lakes.at_work(seasons)
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(lakes.lake(seasons), root)
    os.sync()  # otherwise the first commits wait until the copy is on disk
    return root


def _weekend(seasons: int) -> Callable[[Path], Measured]:
    def measure(folder: Path) -> Measured:
        root = _copy(seasons)
        keys = [lakes.LEFT_OUT * 10 + number for number in range(1, 6)]
        with serving(lakes.files(), keys) as served:
            done = command(
                [lakes.F1, "load", "--meeting", str(lakes.LEFT_OUT)], lakes.environment(root, served.url)
            )
            return {**done, "rows": served.rows, "requests": served.requests()}

    measure.__doc__ = f"`f1 load --meeting` into a lake of {seasons} seasons, bronze to published gold."
    return measure


def reload_season(folder: Path) -> Measured:
    """`f1 load --season` of a season that is already loaded with telemetry, in a lake of four."""
    root = _copy(1 if QUICK else 4)
    with serving(lakes.files(), [lakes.FULL_RACE], 100) as served:
        done = command([lakes.F1, "load", "--season", "2024"], lakes.environment(root, served.url))
        return {**done, "requests": served.requests()}


# dbt


def _dbt(root: Path, *arguments: str) -> Measured:
    from f1_lakehouse.settings import Settings

    environment = {**lakes.environment(root), **Settings(lakehouse_root=root).environment()}
    dbt = str(Path(sys.executable).parent / "dbt")
    project = Path(lakes.__file__).parents[1] / "dbt_f1"
    target = ["--target-path", str(root / "dbt"), "--profiles-dir", str(project)]
    return command([dbt, "--log-level-file", "none", *arguments, *target], environment, project)


@contextmanager
def _weekend_in_bronze() -> Iterator[Path]:
    """A lake of four seasons with one more weekend in bronze only."""
    root = _copy(1 if QUICK else 4)
    keys = [lakes.LEFT_OUT * 10 + number for number in range(1, 6)]
    with serving(lakes.files(), keys) as served:
        load = [lakes.F1, "load", "--no-transform", "--meeting", str(lakes.LEFT_OUT)]
        command(load, lakes.environment(root, served.url))
    yield root


def dbt_models(folder: Path) -> Measured:
    """`dbt run`: every model, including start-up."""
    with _weekend_in_bronze() as root:
        return _dbt(root, "run")


def dbt_start(folder: Path) -> Measured:
    """`dbt run` of one small model: the cost of start-up."""
    with _weekend_in_bronze() as root:
        return _dbt(root, "run", "--select", "dim_teams")


def dbt_tests(folder: Path) -> Measured:
    """`dbt build` as in a transform: models, seeds, snapshots and every data test."""
    with _weekend_in_bronze() as root:
        return _dbt(root, "build", "--exclude-resource-type", "unit_test")


def dbt_plain(folder: Path) -> Measured:
    """The same SQL as dbt compiled it, in plain DuckDB: bronze through delta-rs, one connection."""
    with _weekend_in_bronze() as root:
        before = shutil.copy(root / "warehouse.duckdb", root / "before.duckdb")
        _dbt(root, "run")
        results = json.loads((root / "dbt" / "run_results.json").read_bytes())["results"]
        manifest = json.loads((root / "dbt" / "manifest.json").read_bytes())["nodes"]
        models = []
        for result in results:
            node = manifest[result["unique_id"]]
            if node["config"]["materialized"] in ("table", "incremental"):
                is_incremental = node["config"]["materialized"] == "incremental"
                models.append((node["schema"], node["name"], is_incremental, result["compiled_code"]))
        Path(before).replace(root / "warehouse.duckdb")
        import deltalake  # noqa: F401
        import duckdb  # noqa: F401

        clock = Clock()
        references.bare_models(root / "warehouse.duckdb", root / "bronze", models)
        return clock.stop()


# Rebuild


def _landed(folder: Path) -> Path:
    """A lake that has only landing: one race, with telemetry."""
    from f1_lakehouse.settings import Settings

    origin, session = race()
    with serving(origin, [session], 10 if QUICK else 1) as served:
        load = [lakes.F1, "load", "--no-transform", "--session", str(session)]
        command(load, lakes.environment(folder / "lake", served.url))
    shutil.rmtree(Settings(lakehouse_root=folder / "lake").bronze)
    return folder / "lake"


def rebuild_lakehouse(folder: Path) -> Measured:
    """`rebuild`: every response checked against its sha256, typed, appended; the pull log rebuilt, everything verified."""
    root = _landed(folder)
    _import_pandera()
    from f1_lakehouse.operations.rebuild import rebuild
    from f1_lakehouse.storage.bronze import Bronze
    from f1_lakehouse.storage.landing import Landing

    clock = Clock()
    done = rebuild(Landing(str(root / "landing")), Bronze(str(root / "bronze")))
    return clock.stop(rows=sum(one.rows for one in done))


def rebuild_bare(folder: Path) -> Measured:
    """Each landed pull parsed, typed and appended, without checks."""
    root = _landed(folder)
    import deltalake  # noqa: F401

    clock = Clock()
    return clock.stop(rows=references.bare_rebuild(root / "landing", root / "bare"))


# Queries and start-up


def questions(folder: Path) -> Measured:
    """Each block of docs/questions.md ten times, as `f1 sql` runs it; the seconds are the 95th percentile."""
    from f1_lakehouse.publishing.delta_tables import add_tables
    from f1_lakehouse.publishing.gold_file import connect_gold
    from f1_lakehouse.settings import Settings

    settings = Settings(lakehouse_root=lakes.lake(1 if QUICK else 4))
    text = (Path(lakes.__file__).parents[1] / "docs" / "questions.md").read_text()
    times = []
    with connect_gold(settings) as con:
        for query in re.findall(r"```sql\n(.*?)```", text, re.DOTALL):
            add_tables(con, settings, query)
            for _ in range(10):
                began = time.perf_counter()
                con.execute(query).fetchall()
                times.append(time.perf_counter() - began)
    times.sort()
    p95 = times[int(len(times) * 0.95)]
    return {"seconds": p95, "cpu": sum(times) / len(times), "peak_mib": own_peak_mib()}


def help_(folder: Path) -> Measured:
    """`f1 --help`."""
    return command([lakes.F1, "--help"], lakes.environment(folder))


CASES: dict[str, dict[str, Callable[[Path], Measured]]] = {
    "race": {"lakehouse": race_lakehouse, "bare": race_bare, "dlt": race_dlt},
    "waiting": {"3 at a time": _waiting(3), "1 at a time": _waiting(1)},
    "weekend": {"1 season": _weekend(1), "2 seasons": _weekend(2), "4 seasons": _weekend(4)},
    "dbt": {"dbt run": dbt_models, "plain DuckDB": dbt_plain, "start-up": dbt_start, "with tests": dbt_tests},
    "load": {"to gold": load(), "to bronze": load("--no-transform")},
    "season": {"lakehouse": load_season},
    "ui": {"lakehouse": ui_at_rest},
    "layouts": {name: partial(layouts.measure, name) for name in layouts.LAYOUTS},
    "rebuild": {"lakehouse": rebuild_lakehouse, "bare": rebuild_bare},
    "questions": {"p95": questions},
    "reload": {"lakehouse": reload_season},
    "help": {"lakehouse": help_},
}

if __name__ == "__main__":
    case, variant, where = sys.argv[1:]
    core = os.environ.get("F1_BENCH_CORE")
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[int(core)]})
    print(json.dumps(CASES[case][variant](Path(where))))
