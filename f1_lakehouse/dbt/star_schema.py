"""The picture of the star: tables of gold and how they join, drawn from the tests that prove it.

Grains come from the grain tests, lines from the relationships tests; dimensions stand in the middle, facts on both sides.
Plain SVG, so that it shows wherever the docs are read. Written and checked with the data dictionary (dictionary.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

TAGS = {"core", "history"}
"""Tags of the models in the picture."""
PICTURE = Path(__file__).parents[2] / "dbt_f1" / "assets" / "star.svg"

ROW, HEAD, WIDTH, GAP, GUTTER, MARGIN = 18, 26, 190, 22, 190, 16
LINES = ("#0b7285", "#a61e4d", "#5f3dc4", "#2b8a3e", "#d9480f")


@dataclass
class Box:
    """A table: its keys in order, and where it stands."""

    name: str
    grain: list[str]
    joins: dict[str, tuple[str, str]] = field(default_factory=dict)
    x: int = 0
    y: int = 0

    @property
    def keys(self) -> list[str]:
        """The grain, then what joins."""
        return [*self.grain, *(column for column in self.joins if column not in self.grain)]

    @property
    def height(self) -> int:
        """In pixels."""
        return HEAD + ROW * len(self.keys) + 6

    def row(self, column: str) -> int:
        """The middle of a key's line, in pixels."""
        return self.y + HEAD + ROW * self.keys.index(column) + ROW // 2 + 2


def star(manifest: Mapping[str, Any]) -> str:
    """The picture as SVG, out of dbt's manifest."""
    boxes = _boxes(manifest)
    dimensions = [box for box in boxes.values() if box.name.startswith("dim_")]
    facts = [box for box in boxes.values() if not box.name.startswith("dim_")]
    columns = (facts[: len(facts) // 2], dimensions, facts[len(facts) // 2 :])
    tallest = max(map(_height, columns))
    for place, column in enumerate(columns):
        y = MARGIN + (tallest - _height(column)) // 2
        for box in column:
            box.x, box.y = MARGIN + place * (WIDTH + GUTTER), y
            y += box.height + GAP
    colours = {box.name: LINES[i % len(LINES)] for i, box in enumerate(dimensions)}
    width, height = 2 * MARGIN + 3 * WIDTH + 2 * GUTTER, 2 * MARGIN + tallest
    lines = [
        _line(box, column, boxes[target], key, colours[target])
        for box in boxes.values()
        for column, (target, key) in box.joins.items()
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            'font-family="system-ui, sans-serif" font-size="12">',
            "<title>The star: core tables of gold and how they join</title>",
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *lines,
            *(line for box in boxes.values() for line in _draw(box, colours)),
            "</svg>",
            "",
        ]
    )


def _boxes(manifest: Mapping[str, Any]) -> dict[str, Box]:
    nodes = manifest["nodes"]
    core = {
        name: node["name"]
        for name, node in nodes.items()
        if node["resource_type"] == "model" and TAGS & set(node["tags"]) and node["schema"] == "gold"
    }
    tests = sorted(
        (node for node in nodes.values() if node.get("test_metadata") and node["attached_node"] in core),
        key=lambda node: str(node["name"]),
    )
    boxes = {
        core[test["attached_node"]]: Box(
            core[test["attached_node"]], list(test["test_metadata"]["kwargs"]["combination_of_columns"])
        )
        for test in tests
        if test["test_metadata"]["name"] == "unique_combination_of_columns"
    }
    for test in tests:
        arguments = test["test_metadata"]["kwargs"]
        target = arguments.get("to", "").removeprefix("ref('").removesuffix("')")
        if test["test_metadata"]["name"] == "relationships" and target in boxes:
            boxes[core[test["attached_node"]]].joins[arguments["column_name"]] = (target, arguments["field"])
    return boxes


def _height(boxes: Iterable[Box]) -> int:
    return sum(box.height + GAP for box in boxes) - GAP


def _draw(box: Box, colours: Mapping[str, str]) -> list[str]:
    colour = colours.get(box.name, "#343a40")
    drawn = [
        f'<rect x="{box.x}" y="{box.y}" width="{WIDTH}" height="{box.height}" rx="5" fill="#f8f9fa" stroke="{colour}"/>',
        f'<path d="M{box.x} {box.y + HEAD - 4}v{5 - HEAD + 4}q0 -5 5 -5h{WIDTH - 10}q5 0 5 5v{HEAD - 9}z" fill="{colour}"/>',
        f'<text x="{box.x + 10}" y="{box.y + 15}" fill="#ffffff" font-weight="600">{escape(box.name)}</text>',
    ]
    for column in box.keys:
        weight = ' font-weight="600"' if column in box.grain else ""
        fill = colours[box.joins[column][0]] if column in box.joins else "#212529"
        drawn.append(
            f'<text x="{box.x + 10}" y="{box.row(column) + 4}" fill="{fill}"{weight}>{escape(column)}</text>'
        )
    return drawn


def _line(box: Box, column: str, target: Box, key: str, colour: str) -> str:
    """From a key to the dimension's key; between dimensions along their side."""
    y, end = box.row(column), target.row(key if key in target.keys else target.grain[0])
    if box.x == target.x:
        x = box.x + WIDTH
        path = f"M{x} {y}C{x + 60} {y} {x + 60} {end} {x} {end}"
    elif box.x < target.x:
        x, to = box.x + WIDTH, target.x
        path = f"M{x} {y}C{x + 80} {y} {to - 80} {end} {to} {end}"
    else:
        x, to = box.x, target.x + WIDTH
        path = f"M{x} {y}C{x - 80} {y} {to + 80} {end} {to} {end}"
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-opacity="0.55"/>'
