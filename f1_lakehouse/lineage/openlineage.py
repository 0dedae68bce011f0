"""OpenLineage events of runs: pulls, dbt's models, publish; sent once, after the run, so that they never delay it.

They are written to `lineage/<date>.jsonl` in the lake's root, one file per day, unless OpenLineage's own variables (`OPENLINEAGE_URL`,
`OPENLINEAGE_CONFIG` …) name another receiver. The lineage of columns is computed in columns.py.
"""

import os
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from f1_lakehouse.lineage.columns import known_lineage
from f1_lakehouse.observability.run_log import CANCELED, FAILURE, RunRecord
from f1_lakehouse.publishing.build_record import built_by
from f1_lakehouse.settings import EngineName, Settings
from f1_lakehouse.sources.registry import BY_NAME, source_of
from f1_lakehouse.storage.pull_log import Outcome, Pull

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, OutputDataset, RunEvent
    from openlineage.client.transport import Transport

PRODUCER = "f1-lakehouse"
LIMIT = 10.0
"""Seconds that sending may take in total, with any number of events and any receiver."""
_IDS = uuid.uuid5(uuid.NAMESPACE_URL, PRODUCER)
Dataset = tuple[str, str]
"""Namespace and name of a dataset in OpenLineage."""


def send(pulls: Sequence[Pull], settings: Settings, runs: Sequence[RunRecord]) -> list[str]:
    """Send the events of finished runs. Returns the failures, one line each; nothing is raised."""
    try:
        import openlineage.client  # noqa: F401
    except ImportError:
        return ["lineage: pip install 'f1-lakehouse[lineage]'"] if _is_configured() else []
    try:
        found = list(events(pulls, settings, runs))
        transport = _transport(settings)
    except Exception as error:
        return [f"lineage: no events could be made ({type(error).__name__}: {error})"]
    stop, failed = threading.Event(), list[str]()

    def emit() -> None:
        for event in found:
            if stop.is_set():
                return
            try:
                transport.emit(event)
            except Exception as error:
                # A receiver that refused one event will refuse the others. Its message may contain a key.
                failed.append(f"lineage: the receiver did not take an event ({type(error).__name__})")
                return

    sender = threading.Thread(target=emit, name="lineage", daemon=True)
    sender.start()
    sender.join(LIMIT)
    stop.set()
    return failed or ([f"lineage: not all was sent within {LIMIT:.0f} s"] if sender.is_alive() else [])


def _is_configured() -> bool:
    return any(name.startswith("OPENLINEAGE_") for name in os.environ)


def _transport(settings: Settings) -> "Transport":
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport.file import FileConfig, FileTransport

    if _is_configured():
        return OpenLineageClient().transport
    settings.lineage.mkdir(parents=True, exist_ok=True)
    file = settings.lineage / f"{datetime.now().astimezone():%Y-%m-%d}.jsonl"
    return FileTransport(FileConfig(log_file_path=str(file), append=True))


def events(pulls: Sequence[Pull], settings: Settings, runs: Sequence[RunRecord]) -> "Iterator[RunEvent]":
    """Yield START and COMPLETE (or FAIL, ABORT) of each run, and of each pull, model and publication in it."""
    names = _Names(settings)
    for run in runs:
        state = {FAILURE: "FAIL", CANCELED: "ABORT"}.get(run.outcome, "COMPLETE")
        error = "; ".join(run.errors) or None
        yield from names.pair(run.run_id, run.job, run.started_at, run.ended_at, state, None, error=error)
        for pull in pulls:
            if pull.run_id == run.run_id:
                yield from _of_pull(names, run, pull)
        if run.bronze_version is not None:
            yield from _of_dbt(names, run, settings.root / "dbt")
        if run.gold is not None:
            yield from _of_publish(names, run, orjson.loads(run.gold))


class _Names:
    """The names of a lake's jobs and datasets, and the events made from them."""

    def __init__(self, settings: Settings) -> None:
        self.jobs = f"{PRODUCER}-{settings.env}"
        self._settings = settings
        self._is_spark = built_by(settings) is EngineName.SPARK

    def endpoint(self, name: str) -> Dataset:
        """Return the dataset of an endpoint of its source."""
        endpoint = BY_NAME[name]
        api = urlsplit(source_of(endpoint).connect(self._settings).base_url)
        return f"{api.scheme}://{api.netloc.rsplit('@', 1)[-1]}", f"{api.path}/{endpoint.path}"

    def bronze(self, name: str) -> Dataset:
        """Return the dataset of a bronze table."""
        return _place(f"{self._settings.bronze}/{name}")

    def published(self, name: str) -> Dataset:
        """Return the dataset of a published table."""
        return _place(f"{self._settings.published_tables}/{name}")

    def warehouse(self, schema: str, name: str) -> Dataset:
        """Return the dataset of a table that was built."""
        if self._is_spark:
            return _place(f"{self._settings.spark_warehouse}/{schema}/{name}")
        return f"duckdb://{self._settings.warehouse}", f"warehouse.{schema}.{name}"

    def pair(
        self,
        run_id: str,
        job: str,
        started: datetime,
        ended: datetime,
        state: str,
        parent: RunRecord | None,
        *,
        inputs: "Sequence[InputDataset]" = (),
        outputs: "Sequence[OutputDataset]" = (),
        error: str | None = None,
    ) -> "tuple[RunEvent, RunEvent]":
        """Return the two events of a run, or of a part of it."""
        from openlineage.client import event_v2 as ol
        from openlineage.client.facet_v2 import error_message_run, parent_run

        facets: dict[str, Any] = {}
        if parent is not None:
            facets["parent"] = parent_run.ParentRunFacet(
                parent_run.Run(parent.run_id), parent_run.Job(self.jobs, parent.job)
            )
        if state == "FAIL":
            facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(error or "failed", "python")

        def event(kind: str, at: datetime) -> ol.RunEvent:
            return ol.RunEvent(
                eventTime=at.isoformat(),
                producer=PRODUCER,
                run=ol.Run(
                    run_id, facets if kind != "START" else {k: v for k, v in facets.items() if k == "parent"}
                ),
                job=ol.Job(self.jobs, job),
                eventType=ol.RunState(kind),
                inputs=list(inputs),
                outputs=list(outputs) if kind != "START" else [],
            )

        return event("START", started), event(state, ended)


def _place(uri: str) -> Dataset:
    if "://" not in uri:
        return "file", uri
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}", parts.path.lstrip("/")


def _of_pull(names: _Names, run: RunRecord, pull: Pull) -> "Iterator[RunEvent]":
    schema = {field.name: str(field.type) for field in BY_NAME[pull.endpoint].bronze_schema}
    rows = pull.rows if pull.outcome == Outcome.APPENDED else 0
    yield from names.pair(
        str(uuid.uuid5(_IDS, pull.pull_id)),
        f"bronze.{pull.endpoint}",
        pull.started_at,
        pull.at,
        "COMPLETE" if pull.is_answer else "FAIL",
        run,
        inputs=[_input(names.endpoint(pull.endpoint))],
        outputs=[
            _output(
                names.bronze(pull.endpoint), schema, rows=rows, size=pull.bytes, version=pull.delta_version
            )
        ]
        if pull.is_answer
        else [],
        error=pull.error,
    )


def _of_dbt(names: _Names, run: RunRecord, target: Path) -> "Iterator[RunEvent]":
    """Yield the events of a run's models from dbt's artifacts; none if a later run has replaced them."""
    results = orjson.loads((target / "run_results.json").read_bytes())
    generated = datetime.fromisoformat(results["metadata"]["generated_at"])
    if not run.started_at <= generated <= run.ended_at:
        return
    manifest = orjson.loads((target / "manifest.json").read_bytes())
    nodes = {**manifest["sources"], **manifest["nodes"]}
    columns = known_lineage(manifest)
    rows = orjson.loads(run.tables or "{}")

    def dataset(unique_id: str) -> Dataset:
        node = nodes[unique_id]
        if node["resource_type"] == "source":
            return names.bronze(node["name"])
        return names.warehouse(node["schema"], node["name"])

    for result in results["results"]:
        node = nodes.get(result["unique_id"], {})
        times = [time[end] for time in result["timing"] for end in ("started_at", "completed_at")]
        if node.get("resource_type") not in ("model", "snapshot", "seed") or not all(times) or not times:
            continue
        made = columns.get(result["unique_id"], {})
        read = sorted(
            {dataset(parent) for parents in made.values() for parent, _ in parents}
            | {dataset(parent) for parent in _parents(nodes, node)}
        )
        done = result["status"] == "success"
        schema = {name: column.get("data_type") or "" for name, column in node["columns"].items()}
        yield from names.pair(
            str(uuid.uuid5(_IDS, f"{run.run_id}/{result['unique_id']}")),
            f"dbt.{node['schema']}.{node['name']}",
            datetime.fromisoformat(min(times)),
            datetime.fromisoformat(max(times)),
            "COMPLETE" if done else "FAIL",
            run,
            inputs=[_input(one) for one in read],
            outputs=[
                _output(
                    dataset(result["unique_id"]),
                    schema,
                    rows=rows.get(f"{node['schema']}/{node['name']}"),
                    made_of={
                        name: [(*dataset(parent), column) for parent, column in found]
                        for name, found in made.items()
                        if found
                    },
                )
            ],
            error=result["message"],
        )


def _parents(nodes: Mapping[str, Any], node: Mapping[str, Any]) -> Iterator[str]:
    """Yield the tables that a node reads, directly or through ephemeral models."""
    for parent in node.get("depends_on", {}).get("nodes", ()):
        if nodes[parent].get("config", {}).get("materialized") == "ephemeral":
            yield from _parents(nodes, nodes[parent])
        else:
            yield parent


def _of_publish(names: _Names, run: RunRecord, gold: Mapping[str, str]) -> "Iterator[RunEvent]":
    rows, versions = orjson.loads(run.tables or "{}"), orjson.loads(run.delta_versions or "{}")
    yield from names.pair(
        str(uuid.uuid5(_IDS, f"{run.run_id}/publish")),
        "publish",
        run.ended_at,
        run.ended_at,
        "COMPLETE",
        run,
        inputs=[_input(names.warehouse("gold", table)) for table in gold],
        outputs=[
            _output(names.published(table), {}, rows=rows.get(f"gold/{table}"), version=versions.get(table))
            for table in gold
        ],
    )


def _input(dataset: Dataset) -> "InputDataset":
    from openlineage.client.event_v2 import InputDataset

    return InputDataset(*dataset)


def _output(
    dataset: Dataset,
    schema: Mapping[str, str],
    *,
    rows: int | None,
    size: int | None = None,
    version: int | None = None,
    made_of: Mapping[str, Sequence[tuple[str, str, str]]] | None = None,
) -> "OutputDataset":
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import (
        column_lineage_dataset,
        dataset_version_dataset,
        output_statistics_output_dataset,
        schema_dataset,
    )

    facets: dict[str, Any] = {}
    if schema:
        facets["schema"] = schema_dataset.SchemaDatasetFacet(
            [schema_dataset.SchemaDatasetFacetFields(name, kind) for name, kind in schema.items()]
        )
    if version is not None:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(str(version))
    if made_of:
        facets["columnLineage"] = column_lineage_dataset.ColumnLineageDatasetFacet(
            {
                name: column_lineage_dataset.Fields(
                    [column_lineage_dataset.InputField(*one) for one in found]
                )
                for name, found in made_of.items()
            }
        )
    statistics: dict[str, Any] = {}
    if rows is not None:
        statistics["outputStatistics"] = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
            rowCount=rows, size=size
        )
    return OutputDataset(*dataset, facets=facets, outputFacets=statistics)
