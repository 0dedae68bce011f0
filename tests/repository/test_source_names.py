"""No module of the package names a source where a property of `Source` can decide.

Code is searched, not prose: identifiers, imports and texts, without docstrings and comments.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from f1_lakehouse.sources.registry import SOURCES

PACKAGE = Path(__file__).parents[2] / "f1_lakehouse"
NAMES = re.compile("|".join(source.name for source in SOURCES), re.IGNORECASE)
OWN = ("sources/registry.py", "settings.py", "simulator/", *(f"sources/{source.name}/" for source in SOURCES))
"""Where the names of sources belong."""

ALLOWED = {
    "api/published_lake.py": "an error message names the command that loads the history",
    "cli/app.py": "the description of the command",
    "cli/demo.py": "names both sources of the planted difference that it prints",
    "cli/load.py": "examples in the help, and the types of sessions that --session-type accepts",
    "cli/session_state.py": "the type of a session, for the type checker",
    "cli/sessions.py": "the type of a session, for the type checker",
    "cli/simulator.py": "`f1 replay` serves both sources",
    "cli/status.py": "the type of a session, for the type checker",
    "lakehouse.py": "the calendar of a lake is OpenF1's: its sessions partition gold",
    "observability/health.py": "the type of a session",
    "quality/freshness.py": "the type of a session",
    "runs/load_sessions.py": "sessions are OpenF1's: the race needs the grid of its qualifying, and nothing is pulled while one is live",
    "runs/selected_sessions.py": "finds sessions that a user selects by name or key at OpenF1",
    "site/sections/corners.py": "credits the source of the corners on the page",
    "site/sections/reconciliation.py": "shows the differences of two sources side by side",
}
"""Modules that name a source, and why."""


def _prose(tree: ast.AST) -> set[int]:
    """The ids of the nodes that are docstrings, of modules, classes, functions and constants."""
    found = set()
    for node in ast.walk(tree):
        for child in getattr(node, "body", []) if isinstance(getattr(node, "body", None), list) else []:
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                found.add(id(child.value))
    return found


def named_sources(code: str) -> Iterator[tuple[int, str]]:
    """Yield the lines and texts of code that name a source."""
    tree = ast.parse(code)
    prose = _prose(tree)
    for node in ast.walk(tree):
        texts: list[str] = []
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            texts = [node.value]
        elif isinstance(node, ast.Name):
            texts = [node.id]
        elif isinstance(node, ast.Attribute):
            texts = [node.attr]
        elif isinstance(node, ast.ImportFrom):
            texts = [node.module or ""]
        elif isinstance(node, ast.arg):
            texts = [node.arg]
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            texts = [node.name]
        for text in texts:
            if NAMES.search(text):
                yield getattr(node, "lineno", 0), text


def test_code_that_names_a_source_is_found() -> None:
    code = '"""About OpenF1."""\nfrom a.openf1 import B\nx = "jolpica"\n# OpenF1\ndef f():\n    """Of OpenF1."""\n'
    assert list(named_sources(code)) == [(2, "a.openf1"), (3, "jolpica")]


def test_only_modules_with_a_reason_name_a_source() -> None:
    found: dict[str, list[tuple[int, str]]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith(OWN) and (named := list(named_sources(path.read_text("utf-8")))):
            found[name] = named
    assert {name: named for name, named in found.items() if name not in ALLOWED} == {}
    assert set(ALLOWED) <= set(found), "modules of the list that name no source any more"
