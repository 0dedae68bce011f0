"""The documentation names only existing links, anchors, paths of the project, tests, commands and options.

Belongs here: references from Markdown into the repository, commands and their options included. test_language.py checks the
wording; test_cli.py runs the SQL blocks.
"""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from f1_lakehouse.cli.app import parser

PROJECT = Path(__file__).parents[2]
PAGES = sorted(
    [PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md"), *(PROJECT / ".github").glob("*.md")]
)
TOP_LEVEL = r"(?:f1_lakehouse|dbt_f1|tests|deploy|docs|benchmarks)"
TEST_FILES = sorted((PROJECT / "tests").rglob("*.py"))


def without_blocks(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub creates from a page's headings, and those written as HTML."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", without_blocks(text), re.MULTILINE)
    made = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return made | set(re.findall(r'<a id="([^"]+)">', text))


def broken_links(page: Path) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_blocks(page.read_text(encoding="utf-8"))):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        if not found.exists() or (anchor and anchor not in anchors(found)):
            yield target


def missing_paths(text: str) -> set[str]:
    """Return the paths of the project that are written as code and do not exist."""
    paths = re.findall(rf"(?<![\w/~.])({TOP_LEVEL}/[\w./-]*)", " ".join(re.findall(r"`([^`\n]+)`", text)))
    return {path for path in paths if not (PROJECT / path).exists()}


def missing_tests(text: str) -> set[str]:
    """Return the named test functions that do not exist. Test files are checked as paths."""
    names = set(re.findall(r"\btest_\w+\b(?!\.py)", re.sub(r"[\w/]+\.py", "", text)))
    defined = set(re.findall(r"def (test_\w+)", "\n".join(file.read_text("utf-8") for file in TEST_FILES)))
    return names - defined


def options() -> dict[str, set[str]]:
    """Return each command of `f1` with its options."""
    [commands] = [one for one in parser()._actions if isinstance(one, argparse._SubParsersAction)]
    return {name: set(one._option_string_actions) for name, one in commands.choices.items()}


def unknown_commands(text: str) -> set[str]:
    """Return the commands and options of `f1` that are written as code and do not exist."""
    known = options()
    found = set()
    for line in re.findall(r"`([^`\n]+)`", text) + re.findall(
        r"^.*\bf1 .*$", code_blocks(text), re.MULTILINE
    ):
        for command, rest in re.findall(r"(?:^|[ $]|bin/)f1 ([a-z][a-z-]*)([^#]*)", line):
            if command not in known:
                found.add(f"f1 {command}")
            else:
                unknown = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", rest)) - known[command]
                found |= {f"f1 {command} {option}" for option in unknown}
    return found


def code_blocks(text: str) -> str:
    """Return the lines of shell blocks, and the lines with a prompt of transcripts."""
    shell = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    return shell + "\n" + "\n".join(re.findall(r"^\$ .*$", text, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_on_a_page_exist(page: Path) -> None:
    assert unknown_commands(page.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_on_a_page_exist(page: Path) -> None:
    assert list(broken_links(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_and_tests_on_a_page_exist(page: Path) -> None:
    text = without_blocks(page.read_text(encoding="utf-8"))
    assert (missing_paths(text), missing_tests(text)) == (set(), set())


def test_unknown_commands_and_options_are_found() -> None:
    text = "`f1 gone` `f1 load --gone --force`\n```sh\n.venv/bin/f1 sql --lost x # --comment\n```\n```\n$ f1 lost\n```\n"
    assert unknown_commands(text) == {"f1 gone", "f1 load --gone", "f1 sql --lost", "f1 lost"}


def test_missing_paths_tests_and_links_are_found(tmp_path: Path) -> None:
    text = "`f1_lakehouse/gone.py` `tests/repository/test_docs.py` test_gone test_missing_paths_tests_and_links_are_found"
    assert missing_paths(text) == {"f1_lakehouse/gone.py"}
    assert missing_tests(text) == {"test_gone"}
    page = tmp_path / "page.md"
    page.write_text("# One\n[here](#one) [gone](#two) [gone](three.md) [out](https://example.com)")
    assert list(broken_links(page)) == ["#two", "three.md"]


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    config = (PROJECT / "docs" / "site" / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"[\w/-]+\.md", config.split("\nnav:\n")[1]))
    pages = {page.relative_to(PROJECT / "docs").as_posix() for page in (PROJECT / "docs").rglob("*.md")}
    assert named - {"benchmarks.md"} == pages  # that one is added by docs/site/hooks.py


def columns_by_table() -> dict[str, set[str]]:
    """Return the columns of each table of gold, as the data dictionary has them."""
    text = (PROJECT / "docs" / "data-dictionary.md").read_text(encoding="utf-8")
    gold = text.split("\n## Silver\n")[0]
    return {
        section.split("\n", 1)[0]: set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
        for section in gold.split("\n### ")[1:]
    }


def unknown_columns(text: str) -> set[str]:
    """Return the tables and columns in the last column of a page's Markdown tables that gold does not have."""
    known = columns_by_table()
    named = re.findall(
        r"`([a-z][a-z0-9_]+)(?:\.(\w+))?`", " ".join(re.findall(r"^\|.*\|(.*)\|$", text, re.MULTILINE))
    )
    return {
        f"{table}.{column}"
        for table, column in named
        if table not in known or (column and column not in known[table])
    }


def test_dictionary_of_fastf1_names_existing_tables_and_columns() -> None:
    text = (PROJECT / "docs" / "coming-from-fastf1.md").read_text(encoding="utf-8")
    assert unknown_columns(text) == set()
    assert len(re.findall(r"`\w+\.\w+`", text)) > 60


def test_unknown_tables_and_columns_are_found() -> None:
    text = "| `lost` | `fact_laps.lap_number`, `fact_laps.gone` and `fact_lost` |\n"
    assert unknown_columns(text) == {"fact_laps.gone", "fact_lost."}
