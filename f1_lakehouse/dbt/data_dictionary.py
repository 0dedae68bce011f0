"""The data dictionary: all tables and columns of silver and gold with the API fields they are computed from, in Markdown.

`python -m f1_lakehouse.dbt.data_dictionary` writes docs/data-dictionary.md and the diagram of the star schema from dbt's
manifest, which it builds on an empty lake. A test compares both with the models.
"""

import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from f1_lakehouse.dbt.star_schema import PICTURE, star
from f1_lakehouse.lineage.columns import Column, column_lineage

PAGE = Path(__file__).parents[2] / "docs" / "data-dictionary.md"
LAYERS = {"gold": "Gold", "silver": "Silver", "snapshots": "Snapshots"}
HEAD = """# Data dictionary

Generated from dbt's manifest by `python -m f1_lakehouse.dbt.data_dictionary`; do not edit.

Times are UTC, durations are in seconds and speeds in km/h, unless the description names another unit. Gold is published as
`gold.duckdb` and as Delta; silver and snapshots are only in `warehouse.duckdb` of the pipeline.

*Made of* lists the API fields (`endpoint.field`) from which a value is computed, derived from the SQL. It also lists seeds of the
project (`driver_aliases`, `team_lineage`) and the pull log (`_pulls`). Fields that only select rows (joins, filters, groups) are
not listed. The cell is empty for counts and constants.

![How the core tables of gold join](../dbt_f1/assets/star.svg)
"""
MOST_ORIGINS = 8


def dictionary(manifest: dict[str, Any]) -> str:
    """The page.

    Args:
        manifest: dbt's manifest.json after a command that compiles.
    """
    lineage = column_lineage(manifest)
    nodes = [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "snapshot") and node["config"]["materialized"] != "ephemeral"
    ]
    parts = [HEAD]
    for schema, title in LAYERS.items():
        tables = sorted(
            (node for node in nodes if node["schema"] == schema), key=lambda node: str(node["name"])
        )
        if not tables:
            continue
        parts.append(f"## {title}\n")
        parts.append("\n".join(f"- [{node['name']}](#{node['name']})" for node in tables) + "\n")
        parts += [_table(node, lineage) for node in tables]
    return "\n".join(parts)


def _table(node: dict[str, Any], lineage: dict[Column, frozenset[Column]]) -> str:
    lines = [f"### {node['name']}", "", " ".join(str(node["description"]).split()), ""]
    if node["columns"]:
        lines += ["| column | type | | made of |", "|---|---|---|---|"]
        lines += [
            f"| `{column['name']}` | {column.get('data_type') or ''} | {_cell(column['description'])} | "
            f"{_origins(lineage[node['unique_id'], column['name']])} |"
            for column in node["columns"].values()
        ]
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _origins(columns: Iterable[Column]) -> str:
    """`laps.lap_duration, pit.date`; of very many only how many a table gives."""
    fields: dict[str, list[str]] = defaultdict(list)
    for node, column in sorted(columns):
        fields[node.split(".")[-1]].append(column)
    counts = Counter({table: len(names) for table, names in fields.items()})
    if counts.total() > MOST_ORIGINS:
        return ", ".join(f"{table} ({count})" for table, count in sorted(counts.items()))
    return ", ".join(f"{table}.{name}" for table, names in sorted(fields.items()) for name in names)


def compiled() -> dict[str, Any]:
    """dbt's manifest with the SQL of every model, as it is for a lake without a row."""
    from f1_lakehouse.dbt.project import run_dbt
    from f1_lakehouse.settings import Settings
    from f1_lakehouse.storage.bronze import Bronze

    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(lakehouse_root=Path(folder), store_uri=folder)
        Bronze(settings.bronze).create()
        run_dbt(["build", "--quiet", "--exclude-resource-type", "test", "unit_test"], settings, Path(folder))
        return dict(json.loads((Path(folder) / "manifest.json").read_text()))


if __name__ == "__main__":
    manifest = compiled()
    PAGE.write_text(dictionary(manifest))
    PICTURE.write_text(star(manifest))
