"""Bronze assets, one per endpoint of the catalog, with their checks. How a pull works is in f1_lakehouse/ingest.py."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

import dagster as dg

from f1_lakehouse.defs.partitions import ensure_partitions, seasons, sessions
from f1_lakehouse.defs.resources import LakeResource, record_table
from f1_lakehouse.ingest import PullError, pull
from f1_lakehouse.instance.run_tags import WHY_TAG
from f1_lakehouse.lakehouse import Lake
from f1_lakehouse.quality.row_counts import Verdict, judge
from f1_lakehouse.sources.catalog import Endpoint, Partition, Scope, SeasonPartition
from f1_lakehouse.sources.openf1.calendar import Session, session_key_of
from f1_lakehouse.sources.openf1.endpoints import BY_NAME, ENDPOINTS
from f1_lakehouse.sources.openf1.pull_policy import season_due, why_due
from f1_lakehouse.storage.pull_log import Pull

Event = dg.AssetMaterialization | dg.AssetCheckEvaluation

# Partitioned check specs are in preview; a test verifies that the pinned version supports them.
warnings.filterwarnings("ignore", category=dg.PreviewWarning, message=".*partitions_def.*")
warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*backfill_policy.*")


class PullConfig(dg.Config):
    """How an asset is pulled. `force`: pull what is not due too, and accept an empty response without a second pull."""

    force: bool = False


PullPartition = Callable[..., Iterator[Event]]
"""Pulls one partition: (lake, endpoint, asset key, partition name, why=, run_id=, force=) → its events."""


def pull_asset(
    endpoint: Endpoint,
    pull_partition: PullPartition,
    *,
    group: str,
    pool: str,
    partitions: dg.PartitionsDefinition | None,
    checks: Mapping[str, str],
    available: str,
    tags: Mapping[str, str],
    after: Callable[[dg.AssetExecutionContext, Lake], None] | None = None,
) -> dg.AssetsDefinition:
    """Return the asset of an endpoint of any source. A run may have one partition or a range; each is recorded when it is done.

    Args:
        endpoint: names the asset and its table.
        pull_partition: pulls one partition and yields its events.
        group: the asset group.
        pool: the pool that bounds how many steps of the source run at the same time.
        partitions: how the endpoint is partitioned; None if one pull covers everything.
        checks: the checks of the asset, by name, with their descriptions.
        available: since when, or for which partitions, the endpoint has rows; ends the description.
        tags: tags in addition to the layer.
        after: called when all partitions were pulled, for example to add partitions that are known now.
    """
    key = dg.AssetKey(["bronze", endpoint.name])

    @dg.multi_asset(
        name=f"bronze_{endpoint.name}",
        specs=[
            dg.AssetSpec(
                key,
                skippable=True,
                group_name=group,
                kinds={"python", "deltalake"},
                description=f"{endpoint.description}. One row per {', '.join(endpoint.key)}; append-only, every "
                f"pull kept. {available}.",
                owners=["team:data-platform"],
                tags={"layer": "bronze", **tags},
                metadata={"dagster/column_schema": table_schema(endpoint), "key": ", ".join(endpoint.key)},
                code_version="1",
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(name, asset=key, description=description, partitions_def=partitions)
            for name, description in checks.items()
        ],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.multi_run(10) if partitions else None,
        pool=pool,
        can_subset=True,
    )
    def asset(context: dg.AssetExecutionContext, lake: LakeResource, config: PullConfig) -> Iterator[Event]:
        opened = lake.open()
        why = context.run.tags.get(WHY_TAG, "by hand")
        failed: list[str] = []
        for partition in context.partition_keys if partitions else [None]:
            try:
                yield from pull_partition(
                    opened, endpoint, key, partition, why=why, run_id=context.run.run_id, force=config.force
                )
            except PullError as error:
                failed.append(f"{partition}: {error}" if partition else str(error))
        if after is not None:
            after(context, opened)
        if failed:
            raise dg.Failure(
                description=f"{endpoint.name}: " + "; ".join(failed),
                metadata={"failed": failed},
                allow_retries=False,
            )

    return asset


def bronze_asset(endpoint: Endpoint) -> dg.AssetsDefinition:
    """Return the asset of an endpoint of OpenF1."""
    of_sessions = endpoint.scope is Scope.SESSION
    return pull_asset(
        endpoint,
        _pull_partition,
        group="bronze",
        pool="openf1",
        partitions=sessions if of_sessions else seasons,
        checks={name: text for name, text in CHECKS.items() if of_sessions or name != "row_count"},
        available=f"Available for {endpoint.availability}",
        tags={"telemetry": "true"} if endpoint.by_driver else {},
        after=_add_finished_sessions if endpoint.name == "sessions" else None,
    )


def _add_finished_sessions(context: dg.AssetExecutionContext, lake: Lake) -> None:
    """Make the finished sessions partitions, so that the UI can backfill them."""
    now = datetime.now(UTC)
    ensure_partitions(context.instance, [one for one in lake.calendar() if one.is_finished(now)])


CHECKS = {
    "row_count": "As many rows as a session of this category has",
    "schema": "The columns and types are those of the catalog: none is new, missing or retyped",
    "quarantine": "No row was quarantined",
    "duplicates": "No two rows have the same key; silver keeps one of each",
}
MAX_ROWS_SHOWN = 20
"""Offending rows that a check shows."""


def _pull_partition(
    lake: Lake, endpoint: Endpoint, key: dg.AssetKey, partition: str, *, why: str, run_id: str, force: bool
) -> Iterator[Event]:
    now = datetime.now(UTC)
    scope: Partition
    if endpoint.scope is Scope.SEASON:
        scope = SeasonPartition(int(partition))
        pulls = lake.bronze.pull_log.of(endpoint.name, scope.key)
        wanted = force or season_due(now, scope.season, pulls)
    else:
        session_key = session_key_of(partition)
        found = next((one for one in lake.calendar() if one.key == session_key), None)
        if found is None:
            raise dg.Failure(
                f"session {session_key} is not in the calendar of this lake; materialize bronze/sessions of "
                f"{partition[:4]} first",
                allow_retries=False,
            )
        scope = found
        if not scope.has(endpoint):
            yield dg.AssetMaterialization(
                key, partition=partition, metadata={"outcome": "not applicable", "dagster/row_count": 0}
            )
            # A planned check that is not evaluated would stay planned indefinitely.
            verdict = Verdict(True, False, f"a {scope.category} has no {endpoint.name}")
            yield from (evaluation(key, partition, name, verdict) for name in CHECKS)
            return
        pulls = lake.bronze.pull_log.of(endpoint.name, session_key)
        wanted = force or why_due(scope.end, now, pulls, patient=False) is not None
        if not scope.is_finished(now) and not force:
            raise dg.Failure(
                f"{partition} is not over yet; it can be pulled 30 min after its end", allow_retries=False
            )
        if (
            wanted
            and endpoint.by_driver
            and lake.bronze.pull_log.current_pull("drivers", session_key) is None
        ):
            # Telemetry is requested per driver. A dependency between the assets would not do: Dagster silently skips a step
            # whose upstream yields materializations instead of outputs.
            pull(lake, BY_NAME["drivers"], scope, why=why, run_id=run_id)
    # A concurrent load may have pulled the partition while this one waited for its slot.
    done = pull(lake, endpoint, scope, why=why, run_id=run_id, force=force) if wanted else pulls[-1]
    yield dg.AssetMaterialization(
        key, partition=partition, metadata=pull_metadata(lake, endpoint, done, asked=wanted)
    )
    if isinstance(scope, Session):
        current = lake.bronze.pull_log.current_pull(endpoint.name, scope.key)
        rows = current.rows if current else 0
        yield evaluation(key, partition, "row_count", judge(endpoint.name, scope.category, rows))
    yield from pull_checks(lake, endpoint, key, partition, done)


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
        Verdict(not odd, False, "new or retyped columns" if odd else "as in the catalog"),
        **drift,
    )
    rejected = lake.bronze.quarantine.rows_of(done.pull_id) if done.quarantined else []
    refused = [{"reason": row.reason, "raw": row.raw} for row in rejected]
    yield evaluation(
        key,
        partition,
        "quarantine",
        Verdict(not refused, False, f"{len(refused)} of {done.rows + len(refused)} rows were quarantined"),
        share=len(refused) / (done.rows + len(refused)) if refused else 0.0,
        rows=refused,
    )
    repeated = lake.bronze.repeated_keys(endpoint, done.scope)
    yield evaluation(
        key,
        partition,
        "duplicates",
        Verdict(not repeated.num_rows, False, f"{repeated.num_rows} keys have more than one row"),
        keys=repeated.slice(0, MAX_ROWS_SHOWN).to_pylist(),
    )


def evaluation(
    key: dg.AssetKey, partition: str | None, name: str, verdict: Verdict, **metadata: object
) -> dg.AssetCheckEvaluation:
    """Return an evaluation with the metadata that is not empty; lists of rows become tables."""
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=name,
        passed=verdict.passed,
        severity=dg.AssetCheckSeverity.ERROR if verdict.is_error else dg.AssetCheckSeverity.WARN,
        metadata={"message": verdict.message, **{k: _shown(v) for k, v in metadata.items() if v}},
        partition=partition,
    )


def _shown(value: object) -> dg.MetadataValue:
    if isinstance(value, list):
        return record_table(value[:MAX_ROWS_SHOWN])
    return dg.MetadataValue.float(value) if isinstance(value, float) else dg.MetadataValue.text(str(value))


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


bronze_assets = [bronze_asset(endpoint) for endpoint in ENDPOINTS]
