"""What each dbt test verifies: a sentence, and if there is more to say a second paragraph. The command line shows only the sentence.

A description in the YAML file wins. Otherwise a generic test is described by its kind and arguments, and a singular test by the comment
at the top of its SQL file. The SQL of a test, and its severity, are in the project.
"""

import re
from collections.abc import Mapping
from typing import Any

from f1_lakehouse.dbt.manifest import nodes

_REF = re.compile(r"""(?:ref|source)\((?:['"]\w+['"],\s*)?['"](\w+)['"]\)""")
_JINJA_COMMENT = re.compile(r"\A\s*\{#(.*?)#\}", re.DOTALL)
_SQL_COMMENT = re.compile(r"\A\s*((?:--[^\n]*\n?)+)")


class UndescribedTestError(Exception):
    """A dbt test has neither a description nor a known kind, nor a comment at the top of its file."""


def test_descriptions() -> dict[str, str]:
    """Return the alias of each dbt test → its description."""
    return {node["alias"]: describe_test(node) for node in nodes("test")}


def describe_test(node: Mapping[str, Any]) -> str:
    """Return what a test of the manifest verifies: a sentence without a full stop, and the details after an empty line.

    Raises:
        UndescribedTestError: nothing describes it.
    """
    if node.get("description"):
        return _paragraphs(str(node["description"]))
    text = _of_kind(node) if node.get("test_metadata") else _comment(node["raw_code"])
    if not text:
        raise UndescribedTestError(
            f"{node['name']}: add a description in its YAML file, or a comment above its SQL"
        )
    where = node.get("config", {}).get("where")
    sentence, _, details = text.partition("\n\n")
    details = ", ".join(filter(None, (details, f"where {where}" if where else "")))
    return f"{sentence}\n\n{details}" if details else sentence


def _of_kind(node: Mapping[str, Any]) -> str:
    arguments = node["test_metadata"]["kwargs"]
    column = arguments.get("column_name")
    match node["test_metadata"]["name"]:
        case "not_null":
            return f"Every row has a value in {column}"
        case "unique":
            return f"No two rows have the same {column}"
        case "accepted_values":
            return f"{column} is one of {', '.join(map(str, arguments['values']))}"
        case "relationships":
            found = _REF.search(arguments["to"])
            return f"Every {column} is in {arguments['field']} of {found[1] if found else arguments['to']}"
        case "unique_combination_of_columns":
            key = arguments["combination_of_columns"]
            is_null = "it is never null" if len(key) == 1 else "none of these is null"
            return f"There is one row per {', '.join(key)}, and {is_null}"
        case "expression_is_true":
            # Names of these tests are sentences.
            sentence = node["name"].replace("_", " ")
            return f"{sentence[0].upper()}{sentence[1:]}\n\n{' '.join(arguments['expression'].split())}"
    return ""


def _comment(sql: str) -> str:
    """Return the comment at the top of a file; empty if there is none."""
    if found := _JINJA_COMMENT.match(sql):
        text = found[1]
    elif found := _SQL_COMMENT.match(sql):
        lines = (line.lstrip("- ") for line in found[1].splitlines())
        # Dependencies that dbt cannot see are a comment for dbt, not for a person.
        text = "\n".join(line for line in lines if not line.startswith("depends_on:"))
    else:
        return ""
    return _paragraphs(text)


def _paragraphs(text: str) -> str:
    """Return the first sentence without its full stop, and the others as a second paragraph."""
    sentence, _, details = " ".join(text.split()).partition(". ")
    return f"{sentence}\n\n{details}" if details else sentence.rstrip(".")
