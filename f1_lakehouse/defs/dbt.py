"""dbt's models as assets, and dbt's tests as asset checks.

Nothing happens when this module is imported: the assets are made by `dbt_definitions`, from dbt's manifest. How dbt is started is in
instance/dbt_integration.py, how most tests run when it has ended in dbt/data_tests.py; the asset behind gold is in published.py.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import dagster as dg

from f1_lakehouse import interrupts
from f1_lakehouse.counts import counted
from f1_lakehouse.dbt.build_selection import tables_made_from, unchanged_tables
from f1_lakehouse.dbt.data_tests import EXCLUDED_FROM_BUILD, DataTestResult, data_tests_of
from f1_lakehouse.dbt.engine import Engine, EngineError
from f1_lakehouse.dbt.engine_choice import engine_to_build
from f1_lakehouse.dbt.manifest import manifest, nodes, tables_made, test_aliases
from f1_lakehouse.dbt.project import discard_foreign_parse
from f1_lakehouse.dbt.test_descriptions import describe_test
from f1_lakehouse.dbt.warehouse import WarehouseError
from f1_lakehouse.defs.resources import OWNERS, LakeResource, record_table
from f1_lakehouse.instance.dbt_integration import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    DbtProject,
    dbt_assets,
    dbt_resource,
    do_not_warn_of_checks_without_output,
    remember_output_keys,
)
from f1_lakehouse.instance.run_metadata import ROW_COUNT, UNCHANGED, tag_transform
from f1_lakehouse.project_files import PROJECT_DIR
from f1_lakehouse.publishing.build_record import (
    Build,
    current_digest,
    last_build,
    mark_build_started,
    must_rebuild,
    record_build,
)
from f1_lakehouse.settings import Settings
from f1_lakehouse.storage.memory import release_freed


class Translator(DagsterDbtTranslator):
    """Names of dbt's nodes as assets: `silver/<model>`, `gold/<model>`; dbt's sources are the bronze assets."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Return bronze/<endpoint> for a source, else <schema>/<name>."""
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey(["bronze", dbt_resource_props["name"]])
        return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """Return the layer: silver, gold, snapshots."""
        return str(dbt_resource_props["schema"])

    def get_asset_check_spec(
        self,
        asset_spec: dg.AssetSpec,
        manifest: Mapping[str, Any],
        unique_id: str,
        project: DbtProject | None,
    ) -> dg.AssetCheckSpec | None:
        """Return the check of a dbt test, with a description; dagster-dbt reads one only from `meta`."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        if spec is None:
            return None
        return dg.AssetCheckSpec(
            spec.name,
            asset=spec.asset_key,
            description=describe_test(manifest["nodes"][unique_id]),
            additional_deps=spec.additional_deps,
            blocking=spec.blocking,
            metadata=spec.metadata,
        )

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str] | None:
        """Return the team that is responsible."""
        return OWNERS


ALL_MUST_BE_BUILT = (
    "the code or the engine has changed since the last build, so that all tables must be built again: materialize all of silver and gold "
    "(job transform), or run f1 transform"
)


@cache
def translator() -> Translator:
    """Return the translator; dbt's source tests are checks too."""
    return Translator(settings=DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True))


class TransformConfig(dg.Config):
    """How dbt runs.

    `full_refresh`: rebuild silver from all of bronze, which also happens when the code has changed. `only_changed`: leave out the tables
    that would be made again as they are (dbt/build_selection.py); all of them are tested all the same.
    """

    full_refresh: bool = False
    only_changed: bool = False


def dbt_arguments(config: TransformConfig, engine: Engine, left_out: Collection[str] = ()) -> list[str]:
    """Return the arguments of a build: everything but unit tests, which test code and not data.

    Args:
        config: how dbt runs.
        engine: the engine that builds.
        left_out: unique ids of tables that are not built.
    """
    arguments = ["build", "--exclude-resource-type", "unit_test", *engine.dbt_arguments]
    if config.full_refresh:
        arguments.append("--full-refresh")
    # The complete path: a name alone may also be that of a folder.
    excluded = [EXCLUDED_FROM_BUILD] if engine.tests_after_build else []
    excluded += (".".join(manifest()["nodes"][one]["fqn"]) for one in sorted(left_out))
    # As one argument: of several dagster-dbt takes the first one, and adds them to its own selection.
    return [*arguments, "--exclude", " ".join(excluded)] if excluded else arguments


def gold_models() -> list[dg.AssetKey]:
    """Return the asset of every gold model of the manifest."""
    return sorted(translator().get_asset_key(node) for node in nodes("model") if node["schema"] == "gold")


@cache
def dbt_build_asset() -> dg.AssetsDefinition:
    """Return silver and gold as one step, with dbt's tests as checks."""

    @dbt_assets(
        manifest=manifest(),
        project=DbtProject(project_dir=PROJECT_DIR, profiles_dir=PROJECT_DIR),
        dagster_dbt_translator=translator(),
        pool="duckdb",
        name="dbt_build",
    )
    def dbt_build(
        context: dg.AssetExecutionContext, dbt: DbtCliResource, lake: LakeResource, config: TransformConfig
    ) -> Iterator[Any]:
        yield from _build(context, dbt, lake, config)

    return dbt_build


def _build(
    context: dg.AssetExecutionContext, dbt: DbtCliResource, lake: LakeResource, config: TransformConfig
) -> Iterator[Any]:
    remember_output_keys(context)
    do_not_warn_of_checks_without_output()
    opened = lake.open()
    engine = _engine_ready(opened.settings)
    # The version of bronze is read before dbt starts: data that arrives during the build must not count as published.
    pulls = opened.bronze.pull_log.all()
    seen_at = pulls[-1].at if pulls else None
    version, endpoints = opened.bronze.pull_log.version(), opened.bronze.pull_log.versions()
    tag_transform(context, version, seen_at)
    digest = current_digest()
    before, is_complete = last_build(opened.settings), context.selected_asset_keys == dbt_build_asset().keys
    if must_rebuild(opened.settings):
        if not is_complete:
            raise dg.Failure(ALL_MUST_BE_BUILT, allow_retries=False)
        config = TransformConfig(full_refresh=True)
    left_out: list[str] = []
    if is_complete and engine.tests_after_build:
        left_out = left_out_of_build(config, before, endpoints, digest)
    # Until a full refresh has finished, the tables come from two versions of the code: after a failure, the next build must
    # be a full refresh too.
    mark_build_started(opened.settings, None if config.full_refresh else digest)
    # dbt's artifacts belong to the lake: several lakes may share the project.
    target = opened.settings.root / "dbt"
    release_freed()  # this process holds it as long as dbt runs
    discard_foreign_parse(target)
    invocation = dbt.cli(dbt_arguments(config, engine, left_out), context=context, target_path=target)
    events, failure = _until_the_end(invocation.stream())
    counts = engine.row_counts()
    outputs = {
        context.asset_key_for_output(one.output_name): one for one in events if isinstance(one, dg.Output)
    }
    outputs |= kept_tables(context, left_out, counts, outputs.keys())
    built = outputs.keys()
    with ThreadPoolExecutor(1, "data tests") as thread:
        # DuckDB runs them while Dagster stores the events of the tables.
        not_built = _without_result(context, events, built)
        tested = thread.submit(_data_test_results, context, engine, not_built)
        yield from (_with_row_count(context, outputs[key], counts) for key in in_order_of_tables(outputs))
        results = [one for one in events if not isinstance(one, dg.Output)] + tested.result()
    yield from _as_stored(context, _with_failing_rows(results, engine))
    if failure is not None:
        raise failure
    check_passed(results)
    check_all_built(context.selected_asset_keys, built)
    if config.full_refresh:
        engine.drop_other_tables(tables_made())
    engine.tidy()
    done = Build(version, context.run.run_id, datetime.now(UTC), seen_at, digest, endpoints)
    if (held := build_held(before, done, is_complete=is_complete)) is not None:
        record_build(opened.settings, held)


def left_out_of_build(
    config: TransformConfig, before: Build | None, endpoints: Mapping[str, str], digest: str
) -> list[str]:
    """Return the unique ids of the tables that a build of all tables leaves out.

    Args:
        config: how dbt runs.
        before: the last build; None if it failed, so that its tables are of several versions of bronze.
        endpoints: the version of the table of each endpoint now.
        digest: the version of the code.
    """
    if not config.only_changed or config.full_refresh:
        return []
    if before is None or before.digest != digest or not before.endpoints:
        return []
    names = endpoints.keys() | before.endpoints.keys()
    return unchanged_tables(
        manifest(), {one for one in names if endpoints.get(one) != before.endpoints.get(one)}
    )


def build_held(before: Build | None, done: Build, *, is_complete: bool) -> Build | None:
    """Return the build that the warehouse holds after one of some tables: the others are still of the bronze of the build before.

    None if there was none that succeeded: then nothing may be published before all is built.
    """
    if is_complete:
        return done
    return before and replace(
        done, bronze_version=before.bronze_version, seen_at=before.seen_at, endpoints=before.endpoints
    )


def _until_the_end(stream: Iterator[Any]) -> tuple[list[Any], Exception | None]:
    """Return the events of a dbt process, and its error if it failed. Only when dbt has ended can this process open the warehouse."""
    events = []
    try:
        for event in stream:
            events.append(event)
    except Exception as error:
        interrupts.check()  # dbt failed because it was terminated: this command ends too
        return events, error
    return events, None


def _without_result(
    context: dg.AssetExecutionContext, events: Collection[Any], built: Collection[dg.AssetKey]
) -> set[str]:
    """Return the unique ids of the tables that dbt was to build and did not, and of those that failed a test of its build."""
    failed = {
        one.asset_key
        for one in events
        if isinstance(one, dg.AssetCheckResult)
        and not one.passed
        and one.severity is dg.AssetCheckSeverity.ERROR
    }
    missing = (set(context.selected_asset_keys) - set(built)) | failed
    return {
        node["unique_id"]
        for node in nodes("model", "seed", "snapshot")
        if translator().get_asset_key(node) in missing
    }


def _data_test_results(
    context: dg.AssetExecutionContext, engine: Engine, not_built: Collection[str]
) -> list[dg.AssetCheckResult]:
    """Run the selected data tests that the engine leaves out of dbt's build."""
    keys = {key.name: key.asset_key for key in context.selected_asset_check_keys}
    tests = [test for test in data_tests_of(manifest()) if test["name"] in keys]
    return [_check_result(result, keys) for result in engine.test_after_build(manifest(), tests, not_built)]


def _check_result(result: DataTestResult, keys: Mapping[str, dg.AssetKey]) -> dg.AssetCheckResult:
    """Return the result of a data test as dagster-dbt reports the result of a test of dbt."""
    rows = {} if result.failures is None else {"dagster_dbt/failed_row_count": result.failures}
    return dg.AssetCheckResult(
        passed=result.status == "pass",
        asset_key=keys[result.test["name"]],
        check_name=result.test["name"],
        severity=dg.AssetCheckSeverity.WARN if result.status == "warn" else dg.AssetCheckSeverity.ERROR,
        metadata={
            "unique_id": result.test["unique_id"],
            "status": result.status,
            "Execution Duration": result.seconds,
            **rows,
            **({"message": result.error} if result.error else {}),
        },
    )


def _as_stored(context: dg.AssetExecutionContext, events: Iterator[Any]) -> Iterator[Any]:
    """Yield the results of checks as the events that Dagster stores, and all other events as they are.

    From an AssetCheckResult Dagster also makes an output of the step, which nothing reads, and looks for the check among those of all tables:
    half of the time that a result takes.
    """
    blocking = {spec.key: spec.blocking for spec in context.assets_def.check_specs}
    for event in events:
        if not isinstance(event, dg.AssetCheckResult):
            yield event
            continue
        assert event.asset_key is not None
        assert event.check_name is not None
        yield dg.AssetCheckEvaluation(
            asset_key=event.asset_key,
            check_name=event.check_name,
            passed=event.passed,
            metadata=event.metadata,
            severity=event.severity,
            description=event.description,
            blocking=blocking.get(dg.AssetCheckKey(event.asset_key, event.check_name)),
        )


def check_passed(events: Collection[Any]) -> None:
    """Raise a Failure if a test with severity error failed: the tables must not be published."""
    failed = [
        str(one.check_name)
        for one in events
        if isinstance(one, dg.AssetCheckResult)
        and not one.passed
        and one.severity is dg.AssetCheckSeverity.ERROR
    ]
    if failed:
        names = ", ".join(failed[:3]) + (" …" if len(failed) > 3 else "")
        raise dg.Failure(f"{counted(len(failed), 'data test')} failed: {names}", allow_retries=False)


def _engine_ready(settings: Settings) -> Engine:
    """Return the engine that builds; a Failure with the cure if it cannot."""
    try:
        return engine_to_build(settings)
    except WarehouseError as error:
        raise dg.Failure(str(error), allow_retries=False if error.is_damaged else None) from error
    except EngineError as error:
        raise dg.Failure(str(error), allow_retries=False) from error


def check_all_built(wanted: Collection[dg.AssetKey], built: Collection[dg.AssetKey]) -> None:
    """Raise a Failure if dbt ended without an error but did not report every table; its exit code does not include that.

    The same if a table that was left out is not there: the next build makes all tables.
    """
    missing = sorted(set(wanted) - set(built))
    if missing:
        names = ", ".join(key.to_user_string() for key in missing[:3]) + (" …" if len(missing) > 3 else "")
        raise dg.Failure(
            f"not built: {counted(len(missing), 'table')}, although dbt ended without an error: {names}"
        )


def kept_tables(
    context: dg.AssetExecutionContext,
    left_out: Collection[str],
    counts: Mapping[tuple[str, ...], int],
    built: Collection[dg.AssetKey],
) -> dict[dg.AssetKey, dg.Output[Any]]:
    """Return the outputs of the tables that were left out of the build: those that are in the warehouse, with all that they are made from."""
    names = {key: name for name, key in context.assets_def.keys_by_output_name.items()}
    kept: dict[dg.AssetKey, dg.Output[Any]] = {}
    for one in left_out:
        key = translator().get_asset_key(manifest()["nodes"][one])
        made_from = context.assets_def.asset_deps[key] & names.keys()
        if tuple(key.path) in counts and made_from <= {*built, *kept}:
            kept[key] = dg.Output(None, names[key], metadata={UNCHANGED: True})
    return kept


def in_order_of_tables(outputs: Collection[dg.AssetKey]) -> list[dg.AssetKey]:
    """Return the tables, each after those that it is made from: Dagster refuses any other order."""
    places = {name: number for number, name in enumerate(tables_made_from(manifest()))}
    made = sorted(nodes("model", "seed", "snapshot"), key=lambda node: places[node["unique_id"]])
    return [key for key in map(translator().get_asset_key, made) if key in outputs]


def _with_row_count(
    context: dg.AssetExecutionContext, output: dg.Output[Any], counts: Mapping[tuple[str, ...], int]
) -> dg.Output[Any]:
    """Return the output of a table with its row count.

    (dagster-dbt's fetch_row_counts reads the same, but keeps the warehouse open in this process afterwards.)
    """
    rows = counts.get(tuple(context.asset_key_for_output(output.output_name).path))
    return output if rows is None else output.with_metadata({**output.metadata, ROW_COUNT: rows})


def _with_failing_rows(results: Iterable[Any], engine: Engine) -> Iterator[Any]:
    """Yield the results of tests, and other events; each failed test's with the rows that failed it."""
    failing = engine.failing_rows()
    for event in results:
        if isinstance(event, dg.AssetCheckResult) and not event.passed:
            test = test_aliases().get(str(event.metadata["unique_id"].value))
            if test in failing:
                yield _with_metadata(event, failing_rows=record_table(failing[test]))
                continue
        yield event


def _with_metadata(result: dg.AssetCheckResult, **metadata: dg.MetadataValue[Any]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=result.passed,
        asset_key=result.asset_key,
        check_name=result.check_name,
        metadata={**result.metadata, **metadata},
        severity=result.severity,
        description=result.description,
    )


def dbt_definitions() -> dg.Definitions:
    """Return dbt's assets, and dbt as a resource."""
    return dg.Definitions(assets=[dbt_build_asset()], resources={"dbt": dbt_resource()})
