"""The resource of assets: the lake of this process; and rows as metadata."""

from collections.abc import Mapping, Sequence

import dagster as dg

from f1_lakehouse.instance.run_tags import HOST_TAG, process_tags
from f1_lakehouse.lakehouse import Lake, current_lake
from f1_lakehouse.sources.source import Source

OWNERS = ["team:f1-lakehouse"]
"""Of every asset: the team that runs the lake. There is one, and the UI groups assets by it."""


class LakeResource(dg.ConfigurableResource):
    """The lake that the environment names, with the sources of the registry."""

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Tag a run of the daemon with its process, as runs of the command line are (instance/run_tags.py)."""
        if context.run is not None and context.instance is not None and HOST_TAG not in context.run.tags:
            context.instance.add_run_tags(context.run.run_id, process_tags())

    def open(self) -> Lake:
        """The lake."""
        return current_lake()


def record_table(rows: Sequence[Mapping[str, object]]) -> dg.TableMetadataValue:
    """Return rows as a table in the UI, which accepts only text, numbers and booleans."""
    columns = list(rows[0])
    records = [{name: _plain(row[name]) for name in columns} for row in rows]
    return dg.MetadataValue.table(
        [dg.TableRecord(record) for record in records],
        schema=dg.TableSchema([dg.TableColumn(name, "string") for name in columns]),
    )


def _plain(value: object) -> str | int | float | bool | None:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def lake_resource(sources: Sequence[Source]) -> LakeResource:
    """Return the lake that the environment names, with these sources."""
    handed_in = tuple(sources)

    class LakeOfSources(LakeResource):
        def open(self) -> Lake:
            """The lake."""
            return current_lake(handed_in)

    return LakeOfSources()


def resource_definitions(sources: Sequence[Source]) -> dg.Definitions:
    """Return the resources by the names of the assets' parameters, and the executor: runs started in the UI use one process too (jobs.py)."""
    return dg.Definitions(resources={"lake": lake_resource(sources)}, executor=dg.in_process_executor)
