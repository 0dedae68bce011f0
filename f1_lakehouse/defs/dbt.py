"""dbt's models as assets, and published gold behind them, in one run.

Publish stands downstream of all of gold: a test of error severity that fails, fails the dbt step, and the published
gold stays as it was.
"""

import logging
import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import duckdb
import orjson
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliInvocation,
    DbtCliResource,
    DbtProject,
    dbt_assets,
)
from packaging.version import Version

from f1_lakehouse import interrupts
from f1_lakehouse.dbt.project import PROJECT_DIR, dbt_environment
from f1_lakehouse.defs.monitoring import GOLD, VERSIONS, stamp
from f1_lakehouse.defs.resources import LakeResource, record_table
from f1_lakehouse.publishing.publish import (
    Build,
    PublishError,
    current_digest,
    forget_build,
    must_rebuild,
    note_build,
    publish,
)
from f1_lakehouse.settings import load_settings
from f1_lakehouse.sources.openf1.endpoints import BY_NAME
from f1_lakehouse.storage.object_store import write_whole

log = logging.getLogger(__name__)

PARSED = "partial_parse.msgpack"
"""What dbt keeps of a parse, in a target folder."""


class Dbt(DbtCliResource):
    """dbt-core as a command, and only that.

    dagster-dbt would ask it for its version first, in a process of its own, and load the project into this process, for columns
    and row counts that are not asked for: five seconds.
    """

    @cached_property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))

    def cli(self, *arguments: Any, **options: Any) -> DbtCliInvocation:
        """Start a dbt process, in an environment without another project's `DBT_*` variables."""
        with dbt_environment():
            return super().cli(*arguments, **options)

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        return None


def dbt_cli() -> Dbt:
    """dbt of this very environment, whatever the PATH says."""
    command = [str(Path(sys.executable).parent / "dbt")]
    if not Path(command[0]).exists():
        # An environment that shares the packages of another one has none of their scripts.
        command = [sys.executable, "-P", "-c", "from dbt.cli.main import cli; cli()"]
    return Dbt(
        project_dir=str(PROJECT_DIR),
        profiles_dir=str(PROJECT_DIR),
        dbt_executable=command[0],
        # Its log at debug level would be 10 MB a build. What it tells is kept by Dagster, its SQL stands beside its results.
        global_config_flags=[*command[1:], "--log-level-file", "none"],
    )


def load_manifest() -> dict[str, Any]:
    """dbt's manifest of the project. The lake keeps it; it is parsed now if that one is of other files or another dbt.

    Aside, and put in its place whole: UI and daemon, which start together, may both find it missing. A lake that this process
    may only read does without: what is parsed for it is not kept.
    """
    # dbt reads the lake's places from the environment, even to parse. Which lake it is does not matter for what is in the
    # manifest, so what only imports this module is not bound to one.
    settings = load_settings()
    home = settings.root / "dbt"
    kept = home / f"manifest-{_parsed_files()}-{version('dbt-core')}.json"
    if kept.exists():
        return dict(orjson.loads(kept.read_bytes()))
    writable = _can_write(home)
    before = dict(os.environ)
    os.environ.update(settings.environment())
    try:
        with TemporaryDirectory(dir=home if writable else None, prefix=".parse-") as aside:
            dbt_cli().cli(["parse", "--quiet"], target_path=Path(aside)).wait()
            manifest = (Path(aside) / "manifest.json").read_bytes()
            if writable:
                # dbt goes on from it when it builds this lake: it was parsed with the same profile.
                forget_parse_of_elsewhere(home)
                (Path(aside) / PARSED).replace(home / PARSED)
                for old in home.glob("manifest-*.json"):
                    old.unlink(missing_ok=True)
                write_whole(kept, manifest)
    finally:
        os.environ.clear()
        os.environ.update(before)
    return dict(orjson.loads(manifest))


def _parsed_files() -> str:
    """A digest of every file that dbt parses, its tests and the profile included."""
    digest = sha256()
    folders = ("models", "macros", "seeds", "snapshots", "tests")
    found = [path for folder in folders for path in (PROJECT_DIR / folder).rglob("*") if path.is_file()]
    for path in sorted([*found, *PROJECT_DIR.glob("*.yml")]):
        digest.update(f"{path.relative_to(PROJECT_DIR).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def forget_parse_of_elsewhere(target: Path) -> None:
    """Remove what dbt has parsed into a target folder, unless it was of the project where it is now.

    dbt keeps with each seed the folder that it was in, and would look for it there: a project that was moved, or a lake that
    another checkout has built, could not be built any more.
    """
    note = target / "parsed_from.txt"
    if note.exists() and note.read_text() == str(PROJECT_DIR):
        return
    (target / PARSED).unlink(missing_ok=True)
    write_whole(note, str(PROJECT_DIR).encode())


class Translator(DagsterDbtTranslator):
    """Names dbt's nodes as the lakehouse does: `silver/<model>`, `gold/<model>`; sources are the bronze assets."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """bronze/<endpoint> for a source, else <schema>/<name>."""
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey(["bronze", dbt_resource_props["name"]])
        return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The layer: silver, gold, snapshots."""
        return str(dbt_resource_props["schema"])

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str] | None:
        """The team that answers for it."""
        return ["team:data-platform"]


TRANSLATOR = Translator(settings=DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True))
MANIFEST = load_manifest()
TESTS = {i: node["alias"] for i, node in MANIFEST["nodes"].items() if node["resource_type"] == "test"}
SHOWN = 20
"""How many failing rows a check shows."""


class TransformConfig(dg.Config):
    """How dbt runs. `full_refresh`: rebuild silver from all of bronze, as is done anyway when the code has changed."""

    full_refresh: bool = False


def dbt_arguments(config: TransformConfig) -> list[str]:
    """The arguments of a build: everything but unit tests, which prove code and not data."""
    arguments = ["build", "--exclude-resource-type", "unit_test"]
    return [*arguments, "--full-refresh"] if config.full_refresh else arguments


def refuse_damaged(warehouse: Path) -> None:
    """Raise a Failure that says what to do if the file is there and DuckDB cannot read it."""
    if not warehouse.exists():
        return
    try:
        duckdb.connect(str(warehouse)).close()
    except duckdb.Error as error:
        if "lock" in str(error).lower():
            raise dg.Failure(f"another process holds {warehouse} open: close it and try again") from error
        raise dg.Failure(
            f"{warehouse} is damaged: remove it and its .wal, and run f1 transform; all but the snapshots comes back "
            "from bronze",
            allow_retries=False,
        ) from error


@dbt_assets(
    manifest=MANIFEST,
    project=DbtProject(project_dir=PROJECT_DIR, profiles_dir=PROJECT_DIR),
    dagster_dbt_translator=TRANSLATOR,
    pool="duckdb",
    name="dbt_build",
)
def dbt_build(
    context: dg.AssetExecutionContext, dbt: DbtCliResource, lake: LakeResource, config: TransformConfig
) -> Iterator[Any]:
    """Silver and gold, with dbt's tests as checks."""
    opened = lake.open()
    refuse_damaged(opened.settings.warehouse)
    # What dbt is about to see; read first, so that data which lands meanwhile is not taken for published.
    pulls = opened.bronze.ledger.all()
    seen_at = pulls[-1].at if pulls else None
    version = opened.bronze.ledger.version()
    stamp(context, version, seen_at)
    digest = current_digest()
    if must_rebuild(opened.settings):
        config = TransformConfig(full_refresh=True)
    # Until all tables are rebuilt, some are of this version of the code and some of another: a failure here is no reason to
    # go on incrementally afterwards.
    forget_build(opened.settings, None if config.full_refresh else digest)
    # dbt's artifacts of a run belong to the lake, not to the project that several lakes may share.
    target = opened.settings.root / "dbt"
    forget_parse_of_elsewhere(target)
    invocation = dbt.cli(dbt_arguments(config), context=context, target_path=target)
    built = set()
    for event in with_what_the_warehouse_says(context, invocation.stream(), opened.settings.warehouse):
        if isinstance(event, dg.Output):
            built.add(context.asset_key_for_output(event.output_name))
        yield event
    refuse_unbuilt(context.selected_asset_keys, built)
    if config.full_refresh:
        drop_tables_of_others(opened.settings.warehouse)
    note_build(opened.settings, Build(version, context.run.run_id, datetime.now(UTC), seen_at, digest))


def refuse_unbuilt(wanted: Collection[dg.AssetKey], built: Collection[dg.AssetKey]) -> None:
    """Raise a Failure if dbt ended without an error and has not reported every table: its exit code says nothing of that."""
    missing = sorted(set(wanted) - set(built))
    if missing:
        names = ", ".join(key.to_user_string() for key in missing[:3]) + (" …" if len(missing) > 3 else "")
        raise dg.Failure(f"dbt ended without an error but did not report {len(missing)} tables: {names}")


def drop_tables_of_others(warehouse: Path) -> None:
    """Remove the tables of silver and gold that no model or seed makes any more; what snapshots hold stays.

    Of gold everything is published that is there, and a table of an earlier version of the project would stay as it was.
    """
    made = {
        (node["schema"], node["alias"])
        for node in MANIFEST["nodes"].values()
        if node["resource_type"] in ("model", "seed")
    }
    with duckdb.connect(str(warehouse)) as con:
        tables = con.execute(
            "select schema_name, table_name from duckdb_tables() where schema_name in ('silver', 'gold')"
        ).fetchall()
        for schema, table in sorted(set(tables) - made):
            con.execute(f'drop table "{schema}"."{table}"')


def with_what_the_warehouse_says(
    context: dg.AssetExecutionContext, events: Iterator[Any], warehouse: Path
) -> Iterator[Any]:
    """The events of a dbt run, each table's with its row count, each failing test's with the rows that failed it.

    They are held until dbt is done: only then can another process look into the warehouse. (dagster-dbt's own
    fetch_row_counts does the same, and keeps the warehouse open in this process ever after.)
    """
    held = []
    failure: Exception | None = None
    try:
        for event in events:
            held.append(event)
    except Exception as error:
        interrupts.check()  # dbt failed because it was ended: this command ends too
        failure = error
    counts = _row_counts(warehouse)
    failing = _failing_rows(warehouse)
    for event in held:
        if isinstance(event, dg.Output):
            rows = counts.get(tuple(context.asset_key_for_output(event.output_name).path))
            if rows is not None:
                event = event.with_metadata({**event.metadata, "dagster/row_count": rows})
        elif isinstance(event, dg.AssetCheckResult) and not event.passed:
            test = TESTS.get(event.metadata["unique_id"].value)
            if test in failing:
                event = event._replace(metadata={**event.metadata, "failing_rows": failing[test]})
        yield event
    if failure is not None:
        raise failure


def _failing_rows(warehouse: Path) -> dict[str, dg.TableMetadataValue]:
    """The first rows of each test that failed, by the test's alias; dbt_f1/macros/store_failing_rows.sql keeps them."""
    if not warehouse.exists():
        return {}
    with duckdb.connect(str(warehouse), read_only=True) as con:
        tables = con.execute(
            "select table_name from duckdb_tables() where schema_name = 'failures'"
        ).fetchall()
        found = {}
        for (table,) in tables:
            rows = con.execute(f'select * from failures."{table}" limit {SHOWN}')
            names = [column for column, *_ in rows.description]
            found[table] = record_table([dict(zip(names, row, strict=True)) for row in rows.fetchall()])
        return found


def _row_counts(warehouse: Path) -> dict[tuple[str, ...], int]:
    if not warehouse.exists():
        return {}
    with duckdb.connect(str(warehouse), read_only=True) as con:
        tables = con.execute(
            "select schema_name, table_name from duckdb_tables() where schema_name in ('silver', 'gold', 'snapshots')"
        ).fetchall()
        return {
            (schema, table): con.execute(f'select count(*) from "{schema}"."{table}"').fetchall()[0][0]
            for schema, table in tables
        }


def gold_models() -> list[dg.AssetKey]:
    """Every gold model of the manifest."""
    return sorted(
        TRANSLATOR.get_asset_key(node)
        for node in MANIFEST["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] == "gold"
    )


def silver_tables() -> dict[str, str]:
    """Endpoint → the silver table that is made of it, as the manifest says."""
    tables = {}
    for node in MANIFEST["nodes"].values():
        if node["resource_type"] == "model" and node["name"].startswith("silver_"):
            for parent in node["depends_on"]["nodes"]:
                name = parent.rsplit(".", 1)[1]
                if parent.startswith("source.") and name in BY_NAME:
                    tables[name] = node["name"]
    return tables


@dg.asset(
    deps=gold_models(),
    group_name="published",
    kinds={"duckdb", "deltalake"},
    pool="duckdb",
    owners=["team:data-platform"],
    tags={"layer": "published"},
    # For the eye; whether the newest session is in it is a check (checks.py): a policy knows only when it ran.
    freshness_policy=dg.FreshnessPolicy.time_window(
        fail_window=timedelta(days=8), warn_window=timedelta(days=7, hours=12)
    ),
    description="Gold for readers: gold.duckdb, replaced whole by rename, and a Delta copy of each table. Only a "
    "build that passed every test of error severity gets here.",
)
def published_gold(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult[Any]:
    """Replace the published gold by what the warehouse holds."""
    opened = lake.open()
    log.info("publishing gold", extra={"event": "stage"})
    try:
        done = publish(opened.settings)
    except PublishError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    rows = dg.TableRecord  # one line a table, as a table in the UI
    return dg.MaterializeResult(
        metadata={
            "bronze_version": done.bronze_version,
            GOLD: dg.MetadataValue.json(done.fingerprints),
            VERSIONS: dg.MetadataValue.json(done.delta_versions),
            "file": dg.MetadataValue.path(str(opened.settings.gold)),
            "size_bytes": opened.settings.gold.stat().st_size,
            "tables": dg.MetadataValue.table(
                [rows({"table": name, "rows": n}) for name, n in done.rows.items()]
            ),
            "dagster/row_count": sum(done.rows.values()),
        }
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The transform half of the graph."""
    return dg.Definitions(
        assets=[dbt_build, published_gold],
        resources={"dbt": dbt_cli()},
    )
