"""What assets are handed: the lake of this process; and how rows become metadata."""

from collections.abc import Mapping, Sequence

import dagster as dg

from f1_lakehouse.lakes import Lake, current_lake


class LakeResource(dg.ConfigurableResource):
    """The lake that the environment names."""

    def open(self) -> Lake:
        """The lake."""
        return current_lake()


def record_table(rows: Sequence[Mapping[str, object]]) -> dg.TableMetadataValue:
    """Rows as a table in the UI, which takes only text, numbers and truth values."""
    columns = list(rows[0])
    records = [{name: _plain(row[name]) for name in columns} for row in rows]
    return dg.MetadataValue.table(
        [dg.TableRecord(record) for record in records],
        schema=dg.TableSchema([dg.TableColumn(name, "string") for name in columns]),
    )


def _plain(value: object) -> str | int | float | bool | None:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


@dg.definitions
def defs() -> dg.Definitions:
    """Resources by the names that assets ask for."""
    return dg.Definitions(resources={"lake": LakeResource()})
