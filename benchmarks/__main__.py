"""The benchmarks: `make bench`, or `make bench QUICK=1` in under three minutes; the tables go to benchmarks/RESULTS.md.

Each variant of a case runs several times in a separate process, in turn with the variants that it is compared with, or at the
same time on another core, so that other load on the machine slows all of them. Only ratios within one run can be compared between
machines. RESULTS.md shows the targets next to the ratios, missed targets included.

Does not belong here: what the variants do (cases.py) and the code that they are compared with (references.py).
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.data import AT_WORK, DLT, ROOT

HERE = Path(__file__).parent
LIBRARIES = (
    "deltalake",
    "duckdb",
    "pyarrow",
    "polars",
    "orjson",
    "dbt-core",
    "dbt-duckdb",
    "dagster",
    "requests",
)


@dataclass(frozen=True)
class Case:
    """A case of cases.py: its variants, of the lakehouse first, and its targets."""

    name: str
    title: str
    variants: tuple[str, ...]
    targets: tuple[str, ...] = ()
    repeats: int = 5
    is_quick: bool = True
    lakes: tuple[int, ...] = ()
    """The lakes that it needs, by number of seasons; built before it starts."""
    together: bool = False
    """Whether the variants of a round run at the same time, each on a separate core, if there are enough cores. For long jobs: the
    speed of a machine can change by half between two of them."""
    warm_up: bool = True
    """Whether the first variant runs once before the measured runs: to generate the data, and to warm up the machine."""


CASES = (
    Case(
        "race",
        "Telemetry of one race, from a local server to bronze",
        ("lakehouse", "bare", "dlt"),
        ("≤ 1.5 × bare", "≥ 10 × faster than dlt", "peak ≤ 600 MiB"),
    ),
    Case(
        "waiting",
        "Telemetry of one race within the limits of the public tier (3 requests per second, 30 per minute), 3 s per response",
        ("3 at a time", "1 at a time"),
        repeats=1,
        is_quick=False,
        warm_up=False,
    ),
    Case(
        "weekend",
        "One more weekend, from a local server to published gold, by number of seasons in the lake",
        ("4 seasons", "1 season"),
        ("4 seasons ≤ 1.15 × 1 season in time, requests and memory",),
        repeats=6,
        is_quick=False,
        lakes=(1, 4),
        together=True,
        warm_up=False,
    ),
    Case(
        "dbt",
        "dbt models of one weekend in a lake of four seasons",
        ("dbt run", "plain DuckDB", "start-up", "with tests"),
        ("dbt run ≤ 2 × plain DuckDB + start-up",),
        repeats=2,
        is_quick=False,
        lakes=(4,),
        warm_up=False,
    ),
    Case(
        "load",
        "`f1 load` of one race with telemetry into an empty lake",
        ("to gold", "to bronze"),
        ("peak ≤ 600 MiB",),
        repeats=1,
        is_quick=False,
        warm_up=False,
    ),
    Case(
        "season",
        "`f1 load` of the races of a season without telemetry into an empty lake",
        ("lakehouse",),
        ("peak ≤ 600 MiB",),
        repeats=1,
        is_quick=False,
        warm_up=False,
    ),
    Case(
        "ui",
        "`f1 ui` with its daemon at rest",
        ("lakehouse",),
        ("all processes ≤ 1 GiB",),
        repeats=1,
        is_quick=False,
        warm_up=False,
    ),
    Case(
        "layouts",
        "The same rows of telemetry in JSON of another layout, parsed",
        ("compact", "spaces", "shuffled keys", "an unknown key"),
        ("each ≤ 1.3 × compact",),
    ),
    Case(
        "rebuild",
        "Bronze of one race with telemetry, from landing",
        ("lakehouse", "bare"),
        ("≤ 1.5 × bare",),
    ),
    Case(
        "questions",
        "The queries of docs/questions.md, four seasons",
        ("p95",),
        ("p95 ≤ 150 ms",),
        repeats=3,
        is_quick=False,
        lakes=(4,),
    ),
    Case(
        "reload",
        "A load of a season that is already loaded",
        ("lakehouse",),
        ("no request", "≤ 5 s"),
        repeats=3,
        is_quick=False,
        lakes=(4,),
    ),
    Case("help", "`f1 --help`", ("lakehouse",), ("well under 0.5 s",)),
)


def start(case: str, variant: str, *, quick: bool, core: int | None = None) -> subprocess.Popen[str]:
    """Start a run of a variant in a separate process and an empty folder; `core`: the only core that it may use."""
    folder = AT_WORK / variant.replace(" ", "-")
    folder.mkdir(parents=True)
    environment = {**os.environ, "F1_BENCH_DATA": str(ROOT), "PYTHONPATH": str(HERE.parent)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # otherwise every start compiles every library again
    if quick:
        environment["F1_BENCH_QUICK"] = "1"
    if core is not None:
        environment["F1_BENCH_CORE"] = str(core)
    command = [sys.executable, "-m", "benchmarks.cases", case, variant, str(folder)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def measured(process: subprocess.Popen[str]) -> dict[str, float]:
    """Wait for a run and return its measurements."""
    output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{process.args!r} failed")
    found: dict[str, float] = json.loads(output.splitlines()[-1])
    return found


def at_the_same_time(case: Case) -> bool:
    """Whether the variants of the case run at the same time on this machine."""
    return case.together and len(case.variants) <= (os.cpu_count() or 1)


def round_of(case: Case, variants: Sequence[str], number: int, *, quick: bool) -> dict[str, dict[str, float]]:
    """Run every variant once: in turn (in reverse order in every other round), or all at the same time."""
    shutil.rmtree(AT_WORK, ignore_errors=True)
    try:
        if at_the_same_time(case):
            # The cores are swapped in the next round.
            started = {
                variant: start(case.name, variant, quick=quick, core=(position + number) % len(variants))
                for position, variant in enumerate(variants)
            }
            return {variant: measured(process) for variant, process in started.items()}
        return {
            variant: measured(start(case.name, variant, quick=quick))
            for variant in (variants if number % 2 == 0 else reversed(variants))
        }
    finally:
        shutil.rmtree(AT_WORK, ignore_errors=True)


def table(case: Case, runs: dict[str, list[dict[str, float]]], *, quick: bool) -> list[str]:
    """The lines of RESULTS.md for a case."""
    target = f"Target: {'; '.join(case.targets)}. " if case.targets else ""
    repeats, load = len(next(iter(runs.values()))), os.getloadavg()[1]
    how = f"{repeats} of each" + (" at the same time" if at_the_same_time(case) else "")
    lines = [
        f"## {case.title}",
        "",
        f"{target}`--case {case.name}`, {datetime.now(UTC):%Y-%m-%d}, {how}, load {load:.1f}"
        + (", quick: of a tenth of the rows, and the targets are those of all." if quick else "."),
        "",
        "| | median s | spread s | CPU s | × | peak MiB | all MiB | rows/s | requests |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    reference = [one["seconds"] for one in next(iter(runs.values()))]
    for variant, done in runs.items():
        seconds = [one["seconds"] for one in done]
        ratios = [r / s for r, s in zip(reference, seconds, strict=True)]
        times = f"{statistics.median(ratios):.2f}"
        if seconds != reference and len(ratios) > 1:
            times += f" ({min(ratios):.2f}–{max(ratios):.2f})"
        median = statistics.median(seconds)
        rows = done[0].get("rows")
        digits = 3 if median < 1 else 1
        cells = [
            variant,
            f"{median:.{digits}f}",
            f"{min(seconds):.{digits}f}–{max(seconds):.{digits}f}",
            f"{statistics.median(one['cpu'] for one in done):.{digits}f}",
            times,
            f"{max(one['peak_mib'] for one in done):.0f}",
            f"{max(one['tree_mib'] for one in done):.0f}" if "tree_mib" in done[0] else "",
            f"{rows / median:,.0f}" if rows else "",
            f"{done[0]['requests']:.0f}" if "requests" in done[0] else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def machine() -> str:
    """The machine and the versions of the libraries."""
    model = "an unnamed processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB of memory, {platform.system()}; "
        f"Python {platform.python_version()}, {libraries}."
    )


def main() -> None:
    """Run the cases and write the table."""
    arguments = argparse.ArgumentParser(prog="benchmarks", description=(__doc__ or "").split("\n")[0])
    arguments.add_argument(
        "--quick", action="store_true", help="small data, few repetitions, no growth: < 3 min"
    )
    arguments.add_argument("--case", nargs="+", default=[], choices=[case.name for case in CASES])
    arguments.add_argument("--repeats", type=int, help="runs of each variant")
    arguments.add_argument(
        "--results",
        type=Path,
        help="default: benchmarks/RESULTS.md; with --quick, a file in the folder of the data",
    )
    given = arguments.parse_args()
    results = given.results or (ROOT if given.quick else HERE) / "RESULTS.md"
    ROOT.mkdir(parents=True, exist_ok=True)
    chosen = [
        case
        for case in CASES
        if (case.name in given.case if given.case else case.is_quick or not given.quick)
    ]
    parts = measured_before(results)
    for case in chosen:
        variants = [v for v in case.variants if v != "dlt" or DLT.exists()]
        runs: dict[str, list[dict[str, float]]] = {variant: [] for variant in variants}
        for seasons in case.lakes:
            subprocess.run([sys.executable, "-m", "benchmarks.lakes", str(seasons)], check=True)
        if case.warm_up:
            round_of(case, variants[:1], 0, quick=given.quick)
        for number in range(given.repeats or (2 if given.quick else case.repeats)):
            for variant, one in round_of(case, variants, number, quick=given.quick).items():
                runs[variant].append(one)
                print(f"{case.name} {number + 1} {variant}: {json.dumps(one)}", flush=True)
        parts[case.title] = table(case, runs, quick=given.quick)
        print("\n".join(parts[case.title]), flush=True)
        write(results, parts)


def write(results: Path, parts: dict[str, list[str]]) -> None:
    """The tables in the order of the cases."""
    head = [
        "# Results",
        "",
        f"`make bench`, {machine()}",
        "",
        "Each variant ran in turn with the others of its case, or at the same time. `×` is the time of the first line divided by the time of this",
        "line: median (and spread) of the rounds. Peak MiB is that of the largest process, all MiB that of all processes of a command together,",
        "in which a library that two of them have loaded counts twice. Load is that of the machine. benchmarks/cases.py defines",
        "the cases, benchmarks/references.py the code that they are compared with. A case that is measured again replaces only its own table.",
        "",
    ]
    sections = [parts[case.title] for case in CASES if case.title in parts]
    results.write_text("\n".join([*head, *(line for part in sections for line in part)]))


def measured_before(results: Path) -> dict[str, list[str]]:
    """The existing tables by title, for cases that are not measured now."""
    if not results.exists():
        return {}
    _, *sections = results.read_text().split("\n## ")
    return {section.split("\n")[0]: [f"## {section.rstrip()}", ""] for section in sections}


if __name__ == "__main__":
    if sys.argv[1:2] == ["regression"]:
        from benchmarks import regression

        regression.main(sys.argv[2:])
    else:
        main()
