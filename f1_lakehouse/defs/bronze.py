"""Bronze assets, one per endpoint of a source, with their checks. How a pull works is in f1_lakehouse/ingest.py."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg
import orjson

from f1_lakehouse.counts import counted
from f1_lakehouse.defs.jobs import source_jobs
from f1_lakehouse.defs.partitions import ensure_partitions, partitions_of
from f1_lakehouse.defs.resources import OWNERS, LakeResource, record_table, resource_definitions
from f1_lakehouse.ingest import PullError, pull
from f1_lakehouse.instance.run_tags import WHY_TAG
from f1_lakehouse.instance.step_logs import hide_omitted_check_outputs
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.sources.catalog import Endpoint, Partition
from f1_lakehouse.sources.source import Source, UnknownPartitionError, Verdict
from f1_lakehouse.storage.pull_log import Pull

Event = dg.AssetMaterialization | dg.AssetCheckEvaluation


class PullConfig(dg.Config):
    """How an asset is pulled. `force`: pull what is not due too, and accept an empty response without a second pull."""

    force: bool = False


CHECKS = {
    "row_count": "As many rows as a session of this category has",
    "schema": "The columns and types are those of the catalog: none is new, missing or retyped",
    "quarantine": "No row was quarantined",
    "duplicates": "No two rows have the same key; silver keeps one of each",
}
LOG_SPECS = [
    dg.AssetSpec(
        ["bronze", name],
        group_name="bronze",
        kinds={"deltalake"},
        owners=OWNERS,
        tags={"layer": "bronze"},
        description=description,
    )
    for name, description in {
        "_pulls": "The pull log: one row per pull, with its partition, time, outcome and cost, and which pull is the current one of its "
        "partition. Every pull of every source appends to it; silver reads it to find the current pulls.",
    }.items()
]
"""Tables of bronze that no job materializes on its own: each pull writes them."""
MAX_ROWS_SHOWN = 20
"""Offending rows that a check shows."""
DRIVERS = "drivers"
"""The endpoint with the cars of a session, for endpoints that are requested driver by driver."""


def bronze_definitions(sources: Sequence[Source]) -> dg.Definitions:
    """Return the assets and jobs of bronze, which need neither dagster-dbt nor dbt's manifest."""
    return dg.Definitions.merge(
        resource_definitions(sources),
        dg.Definitions(
            assets=[*LOG_SPECS, *(asset for source in sources for asset in bronze_assets(source))],
            jobs=[job for source in sources for job in source_jobs(source)],
        ),
    )


def bronze_assets(source: Source) -> list[dg.AssetsDefinition]:
    """Return the assets of a source, one for each of its endpoints."""
    with warnings.catch_warnings():
        # Partitioned check specs are in preview; a test verifies that the pinned version supports them.
        warnings.filterwarnings("ignore", category=dg.PreviewWarning, message=".*partitions_def.*")
        warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*backfill_policy.*")
        return [bronze_asset(source, endpoint) for endpoint in source.endpoints]


def bronze_asset(source: Source, endpoint: Endpoint) -> dg.AssetsDefinition:
    """Return the asset of an endpoint. A run may have one partition or a range; each is recorded when it is done."""
    key = dg.AssetKey(["bronze", endpoint.name])
    partitions = partitions_of(source, endpoint.scope)

    @dg.multi_asset(
        name=f"bronze_{endpoint.name}",
        specs=[
            dg.AssetSpec(
                key,
                skippable=True,
                group_name=source.asset_group,
                kinds={"python", "deltalake"},
                description=f"{endpoint.description}. One row per {', '.join(endpoint.key)}; append-only, every "
                f"pull kept. {source.partitions.covers(endpoint)}.",
                owners=OWNERS,
                tags={
                    "layer": "bronze",
                    "source": source.name,
                    **({"telemetry": "true"} if endpoint.by_driver else {}),
                },
                metadata={"dagster/column_schema": table_schema(endpoint), "key": ", ".join(endpoint.key)},
                code_version="1",
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(name, asset=key, description=description, partitions_def=partitions)
            for name, description in checks_of(source, endpoint).items()
        ],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.multi_run(10) if partitions else None,
        pool=source.name,
        can_subset=True,
    )
    def asset(context: dg.AssetExecutionContext, lake: LakeResource, config: PullConfig) -> Iterator[Event]:
        hide_omitted_check_outputs(context)
        opened = lake.open()
        why = context.run.tags.get(WHY_TAG, "by hand")
        failed: list[str] = []
        for name in context.partition_keys if partitions else [None]:
            one = _Pulling(opened, source, endpoint, key, name)
            try:
                yield from one.run(why=why, run_id=context.run.run_id, force=config.force)
            except PullError as error:
                failed.append(f"{name}: {error}" if name else str(error))
        if endpoint.name == source.partitions.listed_by:
            # The UI can then backfill the sessions or rounds that have ended.
            ended = source.partitions.ended(opened, datetime.now(UTC))
            ensure_partitions(context.instance, source, ended)
        if failed:
            raise dg.Failure(
                description=f"{endpoint.name}: " + "; ".join(failed),
                metadata={"failed": failed},
                allow_retries=False,
            )

    return asset


def checks_of(source: Source, endpoint: Endpoint) -> dict[str, str]:
    """Return the checks of an endpoint's pulls: name → description."""
    is_counted = endpoint.scope in source.counted_scopes
    found = {name: text for name, text in CHECKS.items() if is_counted or name != "row_count"}
    return found | {one.name: one.description for one in source.checks if one.endpoint == endpoint.name}


@dataclass(frozen=True)
class _Pulling:
    """The pull of one partition by an asset: its materialization and its checks. `name`: of the partition, None for all."""

    lake: Lake
    source: Source
    endpoint: Endpoint
    key: dg.AssetKey
    name: str | None

    def run(self, *, why: str, run_id: str, force: bool) -> Iterator[Event]:
        """Pull the partition if it is due or `force`, and yield the events. Raises PullError, dg.Failure."""
        lake, source, endpoint, now = self.lake, self.source, self.endpoint, datetime.now(UTC)
        partition = self._partition(now)
        if (reason := source.partitions.not_applicable(endpoint, partition)) is not None:
            yield from self._not_applicable(reason)
            return
        pulls = lake.pulls_of(endpoint.name, partition.key)
        wanted = force or source.why_due(endpoint, partition, now, pulls, False) is not None
        if not force and (reason := source.partitions.not_yet(partition, now)) is not None:
            raise dg.Failure(reason, allow_retries=False)
        if (
            wanted
            and endpoint.by_driver
            and lake.bronze.pull_log.current_pull(DRIVERS, partition.key) is None
        ):
            # Telemetry is requested per driver. A dependency between the assets would not do: Dagster silently skips a step
            # whose upstream yields materializations instead of outputs.
            pull(lake, source.by_name[DRIVERS], partition, why=why, run_id=run_id)
        if not wanted and not pulls:
            raise dg.Failure(f"{partition.label} is not due and was never pulled", allow_retries=False)
        # A concurrent load may have pulled the partition while this one waited for its slot.
        done = (
            pull(lake, endpoint, partition, why=why, run_id=run_id, force=force, known=pulls)
            if wanted
            else pulls[-1]
        )
        yield dg.AssetMaterialization(
            self.key, partition=self.name, metadata=pull_metadata(lake, endpoint, done, asked=wanted)
        )
        yield from self._judged(done)
        yield from pull_checks(lake, endpoint, self.key, self.name, done)

    def _partition(self, now: datetime) -> Partition:
        try:
            return self.source.partitions.named(self.lake, self.endpoint, self.name, now)
        except UnknownPartitionError as error:
            raise dg.Failure(str(error), allow_retries=False) from error

    def _not_applicable(self, reason: str) -> Iterator[Event]:
        yield dg.AssetMaterialization(
            self.key, partition=self.name, metadata={"outcome": "not applicable", "dagster/row_count": 0}
        )
        # A planned check that is not evaluated would stay planned indefinitely.
        verdict = Verdict(True, False, reason, {"rows": 0})
        for check in checks_of(self.source, self.endpoint):
            yield evaluation(self.key, self.name, check, verdict)

    def _judged(self, done: Pull) -> Iterator[Event]:
        """The checks that the source defines."""
        lake, source, endpoint, now = self.lake, self.source, self.endpoint, datetime.now(UTC)
        # What the partition holds may have been pulled by this very run.
        partition = self._partition(now)
        if source.expected_rows is not None and endpoint.scope in source.counted_scopes:
            current = lake.bronze.pull_log.current_pull(endpoint.name, done.scope)
            verdict = source.expected_rows(endpoint, partition, current.rows if current else 0, now)
            yield evaluation(self.key, self.name, "row_count", verdict)
        for check in source.checks:
            if check.endpoint == endpoint.name:
                yield evaluation(self.key, self.name, check.name, check.judge(lake, partition, now))


def pull_metadata(lake: Lake, endpoint: Endpoint, done: Pull, *, asked: bool) -> dict[str, dg.MetadataValue]:
    """What a materialization shows of a pull; `asked`: whether it was made now."""
    current = lake.bronze.pull_log.current_pull(endpoint.name, done.scope)
    manifest = lake.landing.finished(endpoint.name, done.scope, done.pull_id)
    added, changed, gone = _changes(lake, endpoint, done) if asked else (0, 0, 0)
    return {
        "dagster/row_count": dg.MetadataValue.int(current.rows if current else 0),
        "outcome": dg.MetadataValue.text(done.outcome if asked else f"already there ({done.outcome})"),
        "rows_added": dg.MetadataValue.int(added),
        "rows_changed": dg.MetadataValue.int(changed),
        "rows_gone": dg.MetadataValue.int(gone),
        "why": dg.MetadataValue.text(done.why or ""),
        "pulled_at": dg.MetadataValue.timestamp(done.at),
        "requests": dg.MetadataValue.int(done.requests if asked else 0),
        "bytes": dg.MetadataValue.int(done.bytes),
        "seconds": dg.MetadataValue.float(done.seconds),
        "waited_for_rate_limit_s": dg.MetadataValue.float(done.waited_s),
        "quarantined": dg.MetadataValue.int(done.quarantined),
        "improbable_values": dg.MetadataValue.int(done.improbable),
        "pull_id": dg.MetadataValue.text(done.pull_id),
        "table": dg.MetadataValue.path(lake.bronze.table_uri(endpoint.name)),
        **(
            {"delta_version": dg.MetadataValue.int(current.delta_version)}
            if current and current.delta_version
            else {}
        ),
        "source_urls": dg.MetadataValue.json([answer.url for answer in manifest.answers] if manifest else []),
    }


def _changes(lake: Lake, endpoint: Endpoint, done: Pull) -> tuple[int, int, int]:
    """Return the number of rows that a pull added, changed and removed."""
    before = [one for one in lake.bronze.pull_log.of(endpoint.name, done.scope) if one.at < done.at]
    if not any(one.rows for one in before if one.is_answer):
        return done.rows, 0, 0
    if done.truth_pull_id != done.pull_id:
        return 0, 0, 0
    # Slow to import, and not needed for a first pull.
    from f1_lakehouse.operations.history import Changes

    steps = Changes(lake.bronze, lake.landing).steps(endpoint.name, done.scope, before[-1].at)
    step = next(step for step in steps if step.pull.pull_id == done.pull_id)
    return step.added, step.changed, step.gone


def pull_checks(
    lake: Lake, endpoint: Endpoint, key: dg.AssetKey, partition: str | None, done: Pull
) -> Iterator[dg.AssetCheckEvaluation]:
    """The checks of `CHECKS` that every pull has: schema, quarantine, duplicates."""
    drift = {
        "added": done.added_columns,
        "missing": done.missing_columns,
        "retyped": done.retyped_columns,
    }
    # Missing fields are documented for some versions of the API; a new or retyped one needs attention.
    odd = done.added_columns or done.retyped_columns
    yield evaluation(
        key,
        partition,
        "schema",
        Verdict(
            not odd,
            False,
            "new or retyped columns" if odd else "as in the catalog",
            {
                f"{name}_columns": len(orjson.loads(columns)) if columns else 0
                for name, columns in drift.items()
            },
        ),
        **drift,
    )
    rejected = lake.bronze.quarantine.rows_of(done.pull_id) if done.quarantined else []
    refused = [{"reason": row.reason, "raw": row.raw} for row in rejected]
    yield evaluation(
        key,
        partition,
        "quarantine",
        Verdict(
            not refused,
            False,
            f"{len(refused)} of {counted(done.rows + len(refused), 'row')} quarantined",
            {
                "quarantined": len(refused),
                "share": len(refused) / (done.rows + len(refused)) if refused else 0.0,
            },
        ),
        rows=refused,
    )
    repeated = lake.bronze.repeated_keys(endpoint, done.scope)
    yield evaluation(
        key,
        partition,
        "duplicates",
        Verdict(
            not repeated.num_rows,
            False,
            f"{counted(repeated.num_rows, 'key')} with more than one row",
            {"repeated_keys": repeated.num_rows},
        ),
        keys=repeated.slice(0, MAX_ROWS_SHOWN).to_pylist(),
    )


def evaluation(
    key: dg.AssetKey, partition: str | None, name: str, verdict: Verdict, **metadata: object
) -> dg.AssetCheckEvaluation:
    """Return an evaluation with the numbers of the verdict, and the metadata that is not empty; lists of rows become tables."""
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=name,
        passed=verdict.passed,
        severity=dg.AssetCheckSeverity.ERROR if verdict.is_error else dg.AssetCheckSeverity.WARN,
        metadata={
            "message": verdict.message,
            **verdict.numbers,
            **{k: _shown(v) for k, v in metadata.items() if v},
        },
        partition=partition,
    )


def _shown(value: object) -> dg.MetadataValue:
    if isinstance(value, list):
        return record_table(value[:MAX_ROWS_SHOWN])
    return dg.MetadataValue.text(str(value))


def table_schema(endpoint: Endpoint) -> dg.TableSchema:
    """The columns of a bronze table, for Dagster."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                f.name, str(f.type), description=(f.metadata or {}).get(b"description", b"").decode()
            )
            for f in endpoint.bronze_schema
        ]
    )
