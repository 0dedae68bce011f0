"""The data dictionary: every silver and gold table and column, out of dbt's manifest, as one page of Markdown.

`python -m f1_lakehouse.commands.dictionary` writes docs/data-dictionary.md; a test holds the page to the manifest.
"""

import json
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "data-dictionary.md"
LAYERS = {"gold": "Gold", "silver": "Silver", "snapshots": "Snapshots"}
HEAD = """# Data dictionary

Made from dbt's manifest by `python -m f1_lakehouse.commands.dictionary`; do not edit.

Times are UTC, durations seconds, speeds km/h unless a column says otherwise. Gold is published as `gold.duckdb` and as
Delta; silver and snapshots stay in the pipeline's own `warehouse.duckdb`.
"""


def dictionary(manifest: dict[str, Any]) -> str:
    """The page.

    Args:
        manifest: dbt's manifest.json.
    """
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
        parts += [_table(node) for node in tables]
    return "\n".join(parts)


def _table(node: dict[str, Any]) -> str:
    lines = [f"### {node['name']}", "", " ".join(str(node["description"]).split()), ""]
    if node["columns"]:
        lines += ["| column | type | |", "|---|---|---|"]
        lines += [
            f"| `{column['name']}` | {column.get('data_type') or ''} | {_cell(column['description'])} |"
            for column in node["columns"].values()
        ]
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def current() -> str:
    """The page as the project's models say now."""
    from f1_lakehouse.defs.transform import dbt_project

    return dictionary(json.loads(dbt_project().manifest_path.read_text()))


if __name__ == "__main__":
    PAGE.write_text(current())
