"""The command line as processes: exit codes and output, with an HTTP server and a lake on disk.

Does not belong here: commands that maintain a lake (test_operations.py).
"""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from loaded_lake import F1, QUALIFYING, RACE, SEASON, LoadedLake, environment_of
from terminal import Terminal

from f1_lakehouse import interrupts, processes
from f1_lakehouse.cli import replay_run
from f1_lakehouse.cli.command import EXIT_FAILED
from f1_lakehouse.cli.query import build_as_of, run_query
from f1_lakehouse.lakehouse import Lake, current_lake
from f1_lakehouse.publishing.build_record import (
    current_digest,
    last_build,
    mark_build_started,
    record_build,
)
from f1_lakehouse.runs.load import nothing_to_build
from f1_lakehouse.settings import Settings
from f1_lakehouse.simulator.generate import publish_corrections
from f1_lakehouse.simulator.server import ReplayServer

PROJECT = Path(__file__).parents[2]


@dataclass
class Cli:
    """Runs `f1` as a process on one lake and one server."""

    root: Path
    folder: Path
    server: ReplayServer

    def f1(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [F1, *arguments],
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            check=False,
        )

    def environment(self, **more: str) -> dict[str, str]:
        return {**environment_of(self.root, self.server.url), **more}

    def runs(self) -> list[str]:
        with sqlite3.connect(self.root / "dagster" / "history" / "runs.db") as con:
            return [status for (status,) in con.execute("select status from runs order by id")]

    def gold(self, query: str) -> list[tuple]:
        with duckdb.connect(str(self.root / "gold.duckdb"), read_only=True) as con:
            return con.execute(query).fetchall()


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """A source with a season that has no sessions, and no lake."""
    folder = tmp_path_factory.mktemp("openf1")
    (folder / "sessions").mkdir()
    (folder / "sessions" / f"{SEASON}.json").write_text("[]")
    with ReplayServer(folder) as server:
        yield Cli(tmp_path_factory.mktemp("cli") / "lake", folder, server)


@pytest.fixture(scope="module")
def loaded(loaded_lake: LoadedLake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """A copy of the loaded lake, and of the rows that were served."""
    folder = Path(shutil.copytree(loaded_lake.folder, tmp_path_factory.mktemp("served") / "openf1"))
    with ReplayServer(folder) as server:
        yield Cli(loaded_lake.copy(tmp_path_factory.mktemp("loaded") / loaded_lake.root.name), folder, server)


def is_one_line(done: subprocess.CompletedProcess[str]) -> bool:
    return done.stderr.count("\n") == 1 and "Traceback" not in done.stderr and done.returncode != 0


# A load


def test_loading_a_race_also_loads_its_grid_and_publishes_gold(loaded):
    official = json.loads((loaded.folder / "session_result" / f"{RACE}.json").read_text())
    grid = json.loads((loaded.folder / "starting_grid" / f"{QUALIFYING}.json").read_text())
    winner = next(row["driver_number"] for row in official if row["position"] == 1)
    pole = next(row["driver_number"] for row in grid if row["position"] == 1)
    assert loaded.gold(
        f"select driver_number from fact_results where session_key = {RACE} and position = 1"
    ) == [(winner,)]
    assert loaded.gold(
        f"select driver_number from fact_results where session_key = {RACE} and grid_position = 1"
    ) == [(pole,)]
    laps = json.loads((loaded.folder / "laps" / f"{RACE}.json").read_text())
    assert loaded.gold("select count(*) from fact_laps") == [(len(laps),)]


def test_a_load_ends_with_loaded_rows_failed_checks_and_the_path_of_the_page(loaded_lake):
    said = loaded_lake.stderr.splitlines()
    [first] = [number for number, line in enumerate(said) if line.startswith("loaded ")]
    assert re.match(r"loaded 2 sessions: \d+ pulls, [\d,]+ rows, \d+ requests, \d+ s$", said[first])
    passed, total = map(int, re.findall(r"\d+", said[first + 1]))
    entries = [line for line in said if line.startswith(("  warning: ", "  failed: "))]
    assert entries
    assert len(set(entries)) == len(entries)
    assert total - passed == sum(
        int((re.search(r"\((\d+) sessions\)", one) or ["", 1])[1]) for one in entries
    )
    assert said[-2].startswith(f"page: {loaded_lake.root}/pages/{SEASON}/")
    assert f"race-{RACE}.html" in said[-2]
    assert said[-1].startswith("query: f1 sql ")
    assert "source_" not in "".join(said[:first]), "a failed check is listed once"


def test_a_race_without_telemetry_takes_at_most_14_requests_and_4_for_the_calendar(loaded_lake):
    asked = loaded_lake.requests
    calendar = [t for t in asked if "/sessions" in t or "/meetings" in t]
    assert len(calendar) <= 4
    assert len(asked) - len(calendar) <= 14
    assert not any("car_data" in t or "location" in t for t in asked)


def test_loading_again_makes_no_request(loaded):
    before = len(loaded.server.requests)
    again = loaded.f1("load", str(SEASON), "round", "1", "race", "--no-telemetry")
    assert again.returncode == 0
    assert len(loaded.server.requests) == before
    assert "up to date: nothing to load" in again.stderr


OF_ANOTHER_PROJECT = {
    "DBT_QUIET": "true",
    "DBT_LOG_LEVEL": "none",
    "DBT_LOG_FORMAT": "text",
    "DBT_TARGET": "another",
    "DBT_PROFILE": "another",
    "DBT_PROFILES_DIR": "/another",
    "DBT_PROJECT_DIR": "/another",
    "DBT_TARGET_PATH": "/another",
    "DBT_DEFER": "true",
    "DBT_EMPTY": "true",
    "DBT_INDIRECT_SELECTION": "empty",
    "DBT_RESOURCE_TYPES": "seed",
    "DBT_ENGINE_TARGET": "another",
}
"""What dbt reads from the environment, as a user of other dbt projects may have it."""


@pytest.fixture
def outdated(loaded: Cli) -> Cli:
    """The lake as an earlier version of the code left it: no digest, fewer columns, a table that no longer exists."""
    marker = loaded.root / "build.json"
    build = json.loads(marker.read_text())
    assert build.pop("digest") == current_digest()
    marker.write_text(json.dumps(build))
    with duckdb.connect(str(loaded.root / "warehouse.duckdb")) as con:
        con.execute("alter table silver.silver_weather drop column humidity")
        con.execute("update silver.silver_drivers set full_name = 'as an earlier version wrote it'")
        con.execute("create table gold.mart_of_before as select 1 as n")
        con.execute(
            "insert into snapshots.driver_snapshot select * replace ('nobody' as driver_id) from snapshots.driver_snapshot limit 1"
        )
    return loaded


def test_force_loads_a_correction_and_bronze_keeps_both_versions(outdated):
    """Also in a lake that an earlier version of the code built, and with the variables of another dbt project."""
    loaded = outdated
    before = loaded.gold(f"select count(*) from fact_laps where session_key = {RACE}")[0][0]
    publish_corrections(loaded.folder)
    forced = loaded.f1("load", "--session", str(RACE), "--endpoint", "laps", "--force", **OF_ANOTHER_PROJECT)
    assert forced.returncode == 0, forced.stderr
    assert "all of it: the code has changed" in forced.stderr
    assert json.loads((loaded.root / "build.json").read_text())["digest"] == current_digest()
    assert loaded.gold("select digest from meta.publication") == [(current_digest(),)]
    assert loaded.gold("select count(*) from dim_drivers where full_name like 'as an%'") == [(0,)]
    assert ("mart_of_before",) not in loaded.gold("show tables")
    with duckdb.connect(str(loaded.root / "warehouse.duckdb")) as con:
        nobody = "from snapshots.driver_snapshot where driver_id = 'nobody'"
        assert con.execute(f"select count(*) {nobody}").fetchall() == [(1,)], "history is never rebuilt"
        con.execute(f"delete {nobody}")
    laps = json.loads((loaded.folder / "laps" / f"{RACE}.json").read_text())
    after = loaded.gold(f"select count(*) from fact_laps where session_key = {RACE}")[0][0]
    assert after == len(laps) != before
    from deltalake import DeltaTable

    bronze = DeltaTable(str(loaded.root / "bronze" / "laps")).to_pyarrow_table(columns=["_pull_id"])
    assert bronze.num_rows == before + after
    assert len(set(bronze["_pull_id"].to_pylist())) == 2


@pytest.fixture
def before_correction(loaded: Cli) -> str:
    """The moment just before the newest pull of laps that changed them; without an earlier test, the correction is loaded."""
    from deltalake import DeltaTable

    def appended() -> list[datetime]:
        pulls = DeltaTable(str(loaded.root / "bronze" / "_pulls")).to_pyarrow_table().to_pylist()
        return [p["at"] for p in pulls if p["endpoint"] == "laps" and p["outcome"] == "appended"]

    if len(appended()) < 2:
        publish_corrections(loaded.folder)
        assert loaded.f1("load", "--session", str(RACE), "--endpoint", "laps", "--force").returncode == 0
    return (max(appended()) - timedelta(microseconds=1)).isoformat()


class Quiet:
    """A listener of a load that prints nothing."""

    def planned(self, work): ...
    def session_started(self, one): ...
    def stage(self, name): ...


@pytest.fixture
def run_does_nothing(loaded, monkeypatch):
    from f1_lakehouse.runs import run_job

    for name, value in {"F1_LAKEHOUSE_ROOT": str(loaded.root), "F1_OPENF1_URL": loaded.server.url}.items():
        monkeypatch.setenv(name, value)
    done = run_job.RunResult("a-run", success=True)
    monkeypatch.setattr(run_job, "run_job", lambda *args, **rest: done)


@pytest.mark.usefixtures("run_does_nothing")
def test_a_load_fails_if_a_run_skipped_an_endpoint():
    from f1_lakehouse.runs import load as loading
    from f1_lakehouse.runs.selection import Selection

    selection = Selection(sessions=[str(RACE)], endpoints=["car_data"])
    report = loading.load(selection, Quiet(), transform=False)
    assert not report.is_success
    assert "left out car_data" in report.failures[0]


@pytest.mark.usefixtures("run_does_nothing")
@pytest.mark.parametrize("again", [False, True])
def test_a_transform_builds_what_has_changed_and_with_again_everything(monkeypatch, again):
    from f1_lakehouse.cli.load import build_gold
    from f1_lakehouse.runs import run_job

    asked = []
    done = run_job.run_job
    monkeypatch.setattr(
        run_job, "run_job", lambda job, **rest: asked.append((job, rest["config"])) or done(job)
    )
    monkeypatch.setattr("f1_lakehouse.runs.load.nothing_to_build", lambda _: False)
    build_gold(always=again)
    config = {"full_refresh": False, "only_changed": not again}
    assert asked == [("transform", {"dbt_build": {"config": config}})]


@pytest.mark.usefixtures("run_does_nothing")
def test_a_transform_that_publishes_nothing_fails():
    from f1_lakehouse.lakehouse import current_lake
    from f1_lakehouse.runs.load import run_transform

    report = run_transform(current_lake(), Quiet(), always=True)
    assert not report.is_success
    assert report.failures == [
        "transform: the run a-run ended without an error, but published nothing; see it in f1 ui"
    ]


@pytest.mark.usefixtures("run_does_nothing")
def test_an_endpoint_that_a_concurrent_load_pulled_counts_as_loaded():
    from f1_lakehouse.ingest import pull
    from f1_lakehouse.lakehouse import current_lake
    from f1_lakehouse.runs import load as loading
    from f1_lakehouse.runs.selection import Selection
    from f1_lakehouse.sources.openf1.endpoints import BY_NAME

    class Other(Quiet):
        def planned(self, work):
            pull(current_lake(), BY_NAME["weather"], work[0].partition, why="another load")

    selection = Selection(sessions=[str(RACE)], endpoints=["weather"], force=True)
    assert loading.load(selection, Other(), transform=False).is_success


def test_transform_with_nothing_new_builds_nothing_and_otherwise_builds(
    loaded_lake: LoadedLake, tmp_path: Path
) -> None:
    copies = iter(range(10))

    def copy() -> Lake:
        """Return a copy of the lake as it is after its load."""
        return Lake.open(Settings(lakehouse_root=loaded_lake.copy(tmp_path / str(next(copies)))))

    lake = copy()
    runs = lake.runs.all()
    newest = max(runs, key=lambda run: run.started_at)
    assert newest.job == "transform"
    assert nothing_to_build(lake)
    done = subprocess.run(
        [F1, "transform"],
        env=environment_of(lake.settings.root, "http://127.0.0.1:9"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "up to date" in done.stdout
    assert Lake.open(lake.settings).runs.all() == runs
    # The pages failed, or the process was killed after the build: the newest success is another run.
    later = replace(newest, run_id="later", started_at=newest.ended_at, outcome="failure")
    lake.runs.append([later])
    assert not nothing_to_build(lake)
    lake = copy()
    build = last_build(lake.settings)
    assert build is not None
    record_build(lake.settings, replace(build, run_id="killed"))
    assert not nothing_to_build(lake)
    mark_build_started(lake.settings, build.digest)
    assert not nothing_to_build(lake)
    lake = copy()
    lake.settings.warehouse.write_bytes(lake.settings.warehouse.read_bytes()[:5000])
    assert not nothing_to_build(lake)
    lake.settings.warehouse.unlink()
    assert not nothing_to_build(lake)
    lake = copy()
    lake.settings.gold.unlink()
    assert not nothing_to_build(lake)


def test_sql_as_of_returns_gold_before_the_correction(loaded, before_correction):
    query = "select count(*) as laps from fact_laps"
    now = json.loads(loaded.f1("sql", "--json", query).stdout)
    then = loaded.f1("sql", "--as-of", before_correction, "--json", query, **OF_ANOTHER_PROJECT)
    assert then.returncode == 0, then.stderr
    [built] = (loaded.root / "as_of").glob("*.duckdb")
    assert built.stem.endswith(current_digest().replace("-", "_"))
    assert json.loads(then.stdout)[0]["laps"] == now[0]["laps"] - 1
    early = loaded.f1("sql", "--as-of", "2020-01-01", query)
    assert is_one_line(early)
    assert "there was no pull by 2020-01-01" in early.stderr


def test_replay_run_rebuilds_gold_equal_to_published_gold(loaded, before_correction, monkeypatch, capfd):
    """The build of its pulls is the one that `f1 sql --as-of` made of the same pulls: it takes half a minute."""
    for name, value in loaded.environment().items():
        monkeypatch.setenv(name, value)
    lake = current_lake()
    [run, *_] = sorted((one for one in lake.runs.all() if one.gold), key=lambda one: one.ended_at)
    built = build_as_of(lake.settings, datetime.fromisoformat(before_correction))
    requested = []

    def copied(seen: datetime, target: Path) -> Path:
        requested.append((f"gold_{seen:%Y%m%dT%H%M%S%f}", target))
        target.parent.mkdir(parents=True)
        return Path(shutil.copy(built, target))

    monkeypatch.setattr(replay_run, "build_gold", copied)
    assert replay_run.print_replay(lake, run.run_id[:8]) == 0
    [(name, target)] = requested
    assert built.stem.startswith(name), "of the pulls that the run read"
    assert target == loaded.root / "replays" / run.run_id / "gold.duckdb"
    said = capfd.readouterr().out
    assert "every comparable table is equal" in said
    assert said.count(" equal ") == len(json.loads(run.gold)) - 1
    with duckdb.connect(str(target)) as con:
        con.execute("delete from gold.gold.dim_meetings")
    built = target
    monkeypatch.setattr(replay_run, "build_gold", lambda *_: built)
    assert replay_run.print_replay(lake, run.run_id) == EXIT_FAILED
    assert "different: 1 table" in capfd.readouterr().out
    assert is_one_line(loaded.f1("replay-run", "nonsense"))


@pytest.mark.slow
def test_a_restored_table_reaches_gold_and_the_next_load_pulls_it_again(loaded):
    publish_corrections(loaded.folder)
    assert loaded.f1("load", "--session", str(RACE), "--endpoint", "laps", "--force").returncode == 0
    laps = f"select count(*) from fact_laps where session_key = {RACE}"
    corrected = loaded.gold(laps)
    assert loaded.f1("restore", "laps", "--version", "1", "--yes").returncode == 0
    assert loaded.f1("transform").returncode == 0
    assert loaded.gold(laps) != corrected
    assert loaded.f1("load", "--session", str(RACE), "--no-telemetry").returncode == 0
    assert loaded.gold(laps) == corrected


@pytest.mark.slow
def test_gold_is_equal_after_bronze_is_rebuilt_from_landing(loaded):
    """Except for tables and columns that describe the pulls."""
    of_pulls = "('result_revisions', 'source_changes', 'data_quality_metrics')"
    pull_columns = "('pulled_at', 'pull_id', 'built_from')"

    def rows() -> dict[str, list[tuple]]:
        tables = loaded.gold(
            "select table_name, string_agg('\"' || column_name || '\"', ', ' order by column_index) from duckdb_columns() "
            f"where not internal and schema_name = 'main' and table_name not in {of_pulls} and column_name not in {pull_columns} group by 1"
        )
        return {
            table: loaded.gold(f"select {columns} from {table} order by all") for table, columns in tables
        }

    before, asked = rows(), len(loaded.server.requests)
    shutil.rmtree(loaded.root / "bronze")
    for command in (["rebuild-bronze"], ["transform", "--full-refresh"]):
        done = loaded.f1(*command)
        assert done.returncode == 0, done.stderr
    assert rows() == before
    assert len(before) > 50
    assert len(loaded.server.requests) == asked


def test_status_shows_loaded_and_due_sessions(loaded):
    shown = loaded.f1("status", "--all", COLUMNS="200")
    assert shown.returncode == 0
    assert str(RACE) in shown.stdout
    assert "current" in shown.stdout
    one = loaded.f1("status", "--session", str(RACE), COLUMNS="200")
    assert "car_data" in one.stdout
    assert "first pull" in one.stdout


def test_report_prints_the_page_and_writes_nothing_after_a_transform(loaded):
    done = loaded.f1("report", "--session", "latest")
    said, page = done.stdout.splitlines()
    assert said.startswith("0 pages written"), "the transform has already built them"
    assert page.endswith(f"race-{RACE}.html")
    assert "Generated classification" in Path(page).read_text()
    assert loaded.f1("report", "--season", str(SEASON)).stdout.endswith(f"/{SEASON}/index.html\n")


def test_report_on_a_session_that_is_not_in_gold(loaded):
    done = loaded.f1("report", "--session", "1")
    assert is_one_line(done)
    assert "f1 load --session 1" in done.stderr


def test_a_load_applies_landed_responses_of_a_crashed_pull_without_a_request(loaded, monkeypatch):
    from f1_lakehouse.ingest import pull
    from f1_lakehouse.lakehouse import current_lake
    from f1_lakehouse.sources.openf1.endpoints import BY_NAME

    for name, value in {"F1_LAKEHOUSE_ROOT": str(loaded.root), "F1_OPENF1_URL": loaded.server.url}.items():
        monkeypatch.setenv(name, value)
    lake = current_lake()
    session = next(one for one in lake.calendar() if one.key == RACE)
    with monkeypatch.context() as crash:
        crash.setattr(type(lake.bronze), "apply", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            pull(lake, BY_NAME["location"], session, why="to crash")
    loaded.server.requests.clear()
    done = loaded.f1("load", "--session", str(RACE), "--endpoint", "location", "--no-transform")
    assert (done.returncode, loaded.server.requests) == (0, []), done.stderr


def test_sql_prints_a_table_csv_and_json_and_writes_parquet(loaded, tmp_path):
    query = "select position, driver_number from fact_results order by position limit 2"
    assert "position" in loaded.f1("sql", query).stdout
    assert (
        loaded.f1("sql", "--csv", query).stdout.splitlines()[0].replace('"', "") == "position,driver_number"
    )
    assert [row["position"] for row in json.loads(loaded.f1("sql", "--json", query).stdout)] == [1, 2]
    file = tmp_path / "out.parquet"
    assert loaded.f1("sql", "--parquet", str(file), query).returncode == 0
    assert duckdb.sql(f"select count(*) from '{file}'").fetchall() == [(2,)]


def documented() -> Iterator[tuple[str, str]]:
    """Each block of SQL in the docs, with its heading."""
    for page in ("questions.md", "data-card.md", "faq.md", "history-questions.md", "records.md"):
        heading = page
        for found in re.finditer(
            r"^## ([^\n]+)$|```sql\n(.+?)```", (PROJECT / "docs" / page).read_text(), re.M | re.S
        ):
            heading = found[1] or heading
            if found[2]:
                yield heading, found[2]


QUESTIONS = list(documented())
MAY_BE_EMPTY = {
    "Corrections",
    "What was corrected after the flag?",
    "How good is the data?",
    "Who would have had pole with a perfect lap?",
    # one race is loaded, without Jolpica: no birth dates, no finished season, no old season
    "How long are pit stops, by season?",
    "When did dropped results decide the championship?",
    "Which victories were shared?",
    "Who were the youngest and the oldest winners?",
    "highest_share_of_wins",
    "most_titles",
    "most_titles_of_a_constructor",
    "oldest_winner",
    "youngest_winner",
}


@pytest.mark.parametrize(("question", "sql"), QUESTIONS, ids=[question for question, _ in QUESTIONS])
def test_a_documented_query_returns_rows(loaded, question, sql):
    rows = loaded.gold(sql)
    assert rows or question in MAY_BE_EMPTY
    if rows:
        assert any(value is not None for value in rows[0])


OPERATIONS = re.findall(
    r"### ([^\n]+\?)\n(.*?)(?=\n##)", (PROJECT / "docs" / "observability.md").read_text(), re.DOTALL
)
ASKED = [(name, sql) for name, text in OPERATIONS for sql in re.findall(r"```sql\n(.+?)```", text, re.DOTALL)]
LEFT_EMPTY = ("What is stale?", "What failed in the last week, and why?")


def test_operations_guide_has_seven_questions():
    assert len(OPERATIONS) == 7


def test_the_queries_of_the_operations_guide_return_rows(loaded, capfdbinary):
    settings = Settings(lakehouse_root=loaded.root)
    for question, sql in ASKED:
        assert run_query(settings, sql, "json") == 0
        assert json.loads(capfdbinary.readouterr().out) or question in LEFT_EMPTY, question


@pytest.mark.slow
def test_replay_run_builds_gold_by_itself(loaded):
    query = "select run_id, gold from runs where gold is not null order by ended_at"
    [run, *_] = json.loads(loaded.f1("sql", "--json", query).stdout)
    done = loaded.f1("replay-run", run["run_id"][:8])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every comparable table is equal" in done.stdout
    assert done.stdout.count(" equal ") == len(json.loads(run["gold"])) - 1


def test_every_command_has_help():
    for command in ("load", "transform", "replay", "generate", "demo", "ui", "status", "sql", "report"):
        done = subprocess.run([F1, command, "--help"], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout.startswith("usage: f1")) == (0, True), command


HEAVY = (
    "dagster",
    "dbt",
    "polars",
    "deltalake",
    "duckdb",
    "pyarrow",
    "rich",
    "pydantic",
    "dataclasses",
    "difflib",
)


def test_the_parser_imports_no_heavy_library():
    code = f"import sys; from f1_lakehouse.cli.app import parser; parser(); print(*[m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# Mistakes: one line with the cause and the cure, and a non-zero exit code


def test_an_unknown_session_key(loaded):
    done = loaded.f1("load", "--session", "1", "--no-telemetry")
    assert is_one_line(done)
    assert "unknown session key 1" in done.stderr


def test_a_session_key_that_is_not_a_number(loaded):
    assert is_one_line(loaded.f1("load", "--session", "monaco"))


def test_an_unreachable_url(cli, tmp_path):
    done = cli.f1(
        "load",
        "--session",
        "1",
        F1_LAKEHOUSE_ROOT=str(tmp_path / "new"),
        F1_OPENF1_URL="http://127.0.0.1:9/v1",
    )
    assert done.returncode == 1
    assert "127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_not_a_lake(cli, tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    for command in (["status"], ["sql", "select 1"], ["transform"], ["load", "--session", str(RACE)]):
        done = cli.f1(*command, F1_LAKEHOUSE_ROOT=str(tmp_path))
        assert is_one_line(done), command
        assert "is not a lake" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_season_with_no_data(cli, tmp_path):
    done = cli.f1("load", "--season", "2023", F1_LAKEHOUSE_ROOT=str(tmp_path / "new"))
    assert done.returncode == 1
    assert "season 2023 has no sessions" in done.stderr
    assert "Traceback" not in done.stderr
    assert is_one_line(cli.f1("load", "--season", "1950"))


def test_a_malformed_environment_variable(cli):
    done = cli.f1("status", F1_OPENF1_REQUESTS_PER_MINUTE="many")
    assert is_one_line(done)
    assert "F1_OPENF1_REQUESTS_PER_MINUTE='many'" in done.stderr


def test_a_wrong_query(loaded):
    done = loaded.f1("sql", "select * from nothing")
    assert is_one_line(done)
    assert "nothing" in done.stderr


def test_an_unknown_endpoint_or_session_type(loaded):
    assert (
        "there is no endpoint 'tyres'"
        in loaded.f1("load", "--season", str(SEASON), "--endpoint", "tyres").stderr
    )
    assert is_one_line(loaded.f1("load", "--season", str(SEASON), "--session-type", "Warmup"))


def test_a_folder_that_cannot_be_replayed(cli, tmp_path):
    assert is_one_line(cli.f1("replay", str(tmp_path / "none"), "--port", "0"))


def test_an_unknown_command_or_option(cli):
    for arguments in (["lod"], ["load", "--sesion", "1"], ["load", "--season", "next"]):
        done = cli.f1(*arguments)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), arguments


# Ctrl-C and SIGTERM. (Last in the file: no later test depends on the gold of these.)

SOON_S = 3.0


class Interrupted:
    """A command on a separate terminal, which receives a signal."""

    def __init__(self, cli: Cli, *arguments: str, **environment: str) -> None:
        self.terminal = Terminal()
        self.process = subprocess.Popen(
            [F1, *arguments],
            env=cli.environment(COLUMNS="120", TERM="xterm", **environment),
            stdin=self.terminal.slave,
            stdout=self.terminal.slave,
            stderr=self.terminal.slave,
            start_new_session=True,
        )

    def wait_for(self, text: str) -> None:
        """Wait until the command has printed a text."""
        while text not in self.terminal.text and self.process.poll() is None:
            time.sleep(0.02)
        assert text in self.terminal.text

    def ends_with(self, code: int) -> str:
        """Send the signal; return the final screen. The command ends soon, with this code, and leaves no process."""
        began = time.monotonic()
        children = interrupts.descendants(self.process.pid)
        if code == 130:  # like a terminal: to all processes of the group
            os.killpg(self.process.pid, signal.SIGINT)
        else:
            self.process.terminate()
        try:
            assert self.process.wait(timeout=60) == code
            assert time.monotonic() - began < SOON_S
        finally:
            self.terminal.close()
        assert [pid for pid in children if not processes.has_ended(pid)] == []
        assert "Traceback" not in self.terminal.text
        return "\n".join(self.terminal.shown()).rstrip()


def test_ctrl_c_during_a_request_without_a_response(loaded):
    before = loaded.gold("select count(*) from fact_laps")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        load = ("load", "--session", str(RACE), "--endpoint", "laps", "--force")
        running = Interrupted(loaded, *load, F1_OPENF1_URL=url)
        connection, _ = silent.accept()
        screen = running.ends_with(130)
        connection.close()
    *_, first, second = screen.splitlines()
    assert first == "f1: interrupted; 0 of 1 pull complete and saved, published gold is unchanged"
    assert second == f"f1: to continue, run again: f1 {' '.join(load)}"
    assert loaded.runs()[-1] == "CANCELED"
    assert loaded.gold("select count(*) from fact_laps") == before


def test_sigterm_while_dbt_runs_ends_dbt_too(loaded):
    before = loaded.gold("select count(*) from fact_laps")
    running = Interrupted(loaded, "transform", "--again")
    running.wait_for("silver.")
    assert interrupts.descendants(running.process.pid)
    assert "published gold is unchanged" in running.ends_with(143)
    assert loaded.runs()[-1] == "CANCELED"
    assert loaded.gold("select count(*) from fact_laps") == before


POINTS = {
    "imports": ("silver, gold and their tests", 0.3),
    "parse": ("silver, gold and their tests", 2.0),
    "silver": ("silver.", 0.0),
    "gold": ("gold.", 1.0),
    "publish": ("publishing gold", 0.0),
    "publish, a little later": ("publishing gold", 0.3),
    "pages": ("building pages", 0.2),
}


@pytest.mark.slow
@pytest.mark.parametrize("code", [130, 143])
def test_interrupted_transform_ends_soon_and_is_completed_by_the_next(loaded, code):
    laps = loaded.gold("select count(*) from fact_laps")
    for text, later in POINTS.values():
        running = Interrupted(loaded, "transform", "--again")
        running.wait_for(text)
        time.sleep(later)
        assert "f1: to continue, run again: f1 transform --again" in running.ends_with(code)
        assert loaded.gold("select count(*) from fact_laps") == laps
    done = loaded.f1("transform")
    assert done.returncode == 0, done.stderr
    assert loaded.gold("select count(*) from fact_laps") == laps
    assert set(loaded.runs()) <= {"SUCCESS", "CANCELED", "FAILURE"}


@pytest.mark.slow
def test_a_repeatedly_interrupted_load_repeats_no_request(loaded, tmp_path):
    lake = {"F1_LAKEHOUSE_ROOT": str(tmp_path / "lake")}
    load = ("load", "--season", str(SEASON), "--no-telemetry", "--no-transform")
    seen: set[str] = set()
    for number, minute in enumerate(["0", "0", "4", "0", "4"]):
        loaded.server.requests.clear()
        running = Interrupted(loaded, *load, **lake, F1_OPENF1_REQUESTS_PER_MINUTE=minute)
        running.wait_for("rate limit: next" if minute != "0" else f"{3 + number}/")
        running.ends_with(130 if number % 2 else 143)
        landed = {
            json.loads(path.read_bytes())["url"].removeprefix(loaded.server.origin)
            for path in (tmp_path / "lake" / "landing").rglob("*.meta.json")
        }
        assert not seen & {target for _, target, _ in loaded.server.requests}
        seen = landed
    done = loaded.f1(*load, **lake)
    assert done.returncode == 0, done.stderr
    assert not seen & {target for _, target, _ in loaded.server.requests}
