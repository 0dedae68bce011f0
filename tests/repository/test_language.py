"""The wording of the documentation: words and patterns that a machine can find, and what to write instead.

Belongs here: patterns that are wrong in any context. Terms are defined in docs/glossary.md. Code blocks, inline code, addresses of
links and HTML comments are not checked, nor is the code in lists of mutations. In Python files comments and docstrings are checked,
in SQL files comments. The help of the commands is checked as printed.
"""

import argparse
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from f1_lakehouse.cli.app import parser

PROJECT = Path(__file__).parents[2]

FOLDERS = (
    ".github",
    "benchmarks",
    "deploy",
    "docs",
    "f1_lakehouse",
    "tests",
    *(f"dbt_f1/{name}" for name in ("assets", "macros", "models", "seeds", "snapshots", "sqlfluff", "tests")),
)
"""Folders with committed files only; dbt writes into other folders of dbt_f1, `f1 load` into local_data."""
PATHS = ("*", "dbt_f1/*", "local_data/README.md", *(f"{folder}/**/*" for folder in FOLDERS))
SUFFIXES = (".md", ".py", ".sql", ".yml")
EXCEPT = (
    "docs/data-dictionary.md",  # generated from the descriptions of the dbt models
    "tests/repository/test_language.py",  # contains the words
)

# The word or pattern, what to write instead, and a sentence that contains it.
WORDS = (
    # Archaic words
    (r"anew", "again, rebuilt", "Silver is built anew."),
    (r"learnt", "learned, derived", "ranges learnt from recorded sessions"),
    (r"for ever", "indefinitely", "Raw responses are kept for ever."),
    (r"whomever|whoever", "anyone, or the actor", "Whoever publishes it names the source."),
    (r"whilst|amongst|upon|thereof|whereby|hitherto|lest|nought|besides", "plain words", "Whilst it runs"),
    (r"beside", "next to", "a log beside the file"),
    (r"whole", "complete, all of", "the whole suite"),
    (r"under way", "in progress", "a run that is under way"),
    (r"half-?way", "the point where it stopped", "killed half-way"),
    # Verbs that hide the action
    (r"(go|goes|gone|going|went) on\b(?! to)", "resume, continue", "The same command goes on."),
    (r"says? no", "fails", "a check says no, when"),
    (r"(is|are|was|were) told", "is notified, is passed", "Arrow is told of each file its season"),
    (r"told of", "notified of", "who is told of what is wrong"),
    (r"knows|wants", "has, contains, requires", "The lake knows the calendar."),
    (
        r"(is|are|was|were|be|been) (tried|looked at)",
        "is tested, is read",
        "That this can fail is tried too.",
    ),
    (r"held by", "verified by, enforced by", "Held by `test_x`"),
    (r"(set|sets|setting) ([\w-]+ ){0,3}back", "restore", "Set a table back to a version."),
    (
        r"(put|puts|putting|bring|brings|brought) ([\w-]+ ){0,3}back",
        "restore, rebuild",
        "Bring back what is missing.",
    ),
    (
        r"(bring|brings|brought) ([\w-]+ ){0,3}(in(?=[.,;]|$)|along|up to date)",
        "ingest, install, update",
        "It brings rows in.",
    ),
    (r"(is|are|was|were) set aside", "is quarantined, is moved", "Rows were set aside."),
    (r"made up", "generated", "The season is made up."),
    (r"lies? (as|in|where)", "is in, is stored as", "The tables lie as Delta."),
    (r"stands? (on|where|there|still)", "is on, is in", "what stands on the page"),
    (r"came of it", "the result", "what came of it"),
    (r"called off", "cancelled", "a session that was called off"),
    (r"(is|are) over\b", "has ended, has finished", "a session that is over"),
    # Sentence patterns
    (r"who only|(for|of|by) who\b", "read-only users, or the actor", "Who only asks needs to read."),
    (r"what has arrived", "completed pulls are saved", "What has arrived is kept."),
    (r"that there is not", "unknown, missing", "an option that there is not"),
    (r"of then", "of that time, used for that run", "the code of then"),
    (r"of which", "a sentence of its own", "rows of which there are two"),
    (r"out of it", "from it", "bronze made out of it"),
    (
        r"(one|each|a) [\w-]+ an? [\w-]+(?= and|[.,:;)|]|$)",
        "per: one row per lap",
        "one row a driver and lap",
    ),
    (
        r"\d[\d.,]* (requests|rows|bytes|kB|MB|GB|times|reminder|commits?|files?) an? (second|minute|hour|day|week|row|pull|session|season|race)",
        "per: 30 requests per minute",
        "30 requests a minute",
    ),
    (r"few (files )?(out )?of many", "compact small files", "Make few files of many."),
    (r"so (many|much)", "this number, this amount", "so many requests"),
    (r"and (its|the) like", "for example", "Marquez and its like"),
    # Metaphors, and words with another term in the glossary
    (r"ledger", "pull log", "the ledger of pulls"),
    (r"truths?", "current pull", "the truth of a session"),
    (r"mortal|story|stories", "crash point, scenario", "the story of a race"),
    (r"promise[sd]?", "guarantee, invariant", "what the client promises"),
    (r"room|house rules", "package, module, space", "which room knows it"),
    (r"record of runs", "run log", "the record of runs"),
    (r"catalogue", "catalog", "the catalogue of endpoints"),
    (r"raw answers?|empty answers?", "raw response, empty response", "Raw answers are kept."),
    (r"by hand", "manually", "started by hand"),
    (r"by itself", "automatically, alone", "It runs by itself."),
    (r"at once", "immediately, concurrently", "It ends at once."),
    # Formula 1
    (r"he|him|his|man", "the driver, they", "when nothing held him up"),
    (r"exchanges? of (places|positions?)", "overtake", "an exchange of places"),
    (r"places? (gained|lost|before)|(gained|lost) .{0,10}places?", "position", "the most places gained"),
)


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file that people read as text, with their numbers; code is replaced by spaces."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from prose_of_python(text)
        return
    if path.suffix == ".sql":
        yield from prose_of_sql(text)
        return
    if path.suffix == ".yml":
        text = re.sub(r"^ *(?:original|mutant): .*", "", text, flags=re.MULTILINE)
    if path.suffix == ".md":
        text = re.sub(
            r"```.*?```|<!--.*?-->", lambda block: "\n" * block[0].count("\n"), text, flags=re.DOTALL
        )
        text = re.sub(r"\]\([^)\s]+\)", "]", text)
    for number, line in enumerate(text.splitlines(), 1):
        yield number, without_code(line)


def without_code(line: str) -> str:
    return re.sub(r"`[^`]*`", "``", line)


def prose_of_python(text: str) -> Iterator[tuple[int, str]]:
    """Comments, and strings that are statements: docstrings of modules, classes, functions and constants."""
    starts_statement = True
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and starts_statement):
            for offset, line in enumerate(token.string.splitlines()):
                yield token.start[0] + offset, without_code(line)
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            starts_statement = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)


def prose_of_sql(text: str) -> Iterator[tuple[int, str]]:
    """Comments of SQL (`-- …`) and of Jinja (`{# … #}`)."""
    for comment in re.finditer(r"\{#.*?#\}|--[^\n]*", text, flags=re.DOTALL):
        first = text.count("\n", 0, comment.start()) + 1
        for offset, line in enumerate(comment[0].splitlines()):
            yield first + offset, without_code(line)


ANY_WORD = re.compile(rf"\b(?:{'|'.join(f'(?:{pattern})' for pattern, _, _ in WORDS)})\b", re.IGNORECASE)


def found_in(line: str) -> list[str]:
    """The words of a line that have a better one: `anew: write again, rebuilt`."""
    if not ANY_WORD.search(line):
        return []
    return [
        f"{found[0]}: write {instead}"
        for pattern, instead, _ in WORDS
        if (found := re.search(rf"\b(?:{pattern})\b", line, re.IGNORECASE))
    ]


def files() -> list[str]:
    """The checked files, relative to the project."""
    found = {
        path.relative_to(PROJECT).as_posix()
        for pattern in PATHS
        for path in PROJECT.glob(pattern)
        if path.suffix in SUFFIXES or path.name == "Makefile"
    }
    return sorted(found - set(EXCEPT))


@pytest.mark.parametrize("file", files())
def test_file_is_in_plain_english(file: str) -> None:
    found = [f"{file}:{number}: {word}" for number, line in prose(PROJECT / file) for word in found_in(line)]
    assert not found, "\n" + "\n".join(found)


def test_every_committed_file_is_checked() -> None:
    command = ["git", "-C", str(PROJECT), "ls-files", *(f"*{suffix}" for suffix in SUFFIXES)]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    committed = {file for file in listed.stdout.splitlines() if (PROJECT / file).exists()}
    assert committed - set(EXCEPT) <= set(files())


def test_help_of_every_command_is_in_plain_english() -> None:
    top = parser()
    [commands] = [action for action in top._actions if isinstance(action, argparse._SubParsersAction)]
    help_of = {"f1": top.format_help(), **{name: one.format_help() for name, one in commands.choices.items()}}
    found = [f"{name}: {word}" for name, text in help_of.items() for word in found_in(" ".join(text.split()))]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(("pattern", "instead", "example"), WORDS, ids=[word[0][:30] for word in WORDS])
def test_every_word_is_found_with_its_replacement(pattern: str, instead: str, example: str) -> None:
    assert any(found.endswith(f": write {instead}") for found in found_in(without_code(example))), pattern


def test_code_is_not_checked_and_line_numbers_are_correct(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("`anew`\n```\nanew\n```\n[text](anew.md)\n\nanew\n")
    assert [number for number, line in prose(page) if found_in(line)] == [7]
    module = tmp_path / "module.py"
    module.write_text('"""One.\n\nanew\n"""\nx = "anew"  # anew\n\n\ndef f(y="anew"):\n    """anew"""\n')
    assert [number for number, line in prose(module) if found_in(line)] == [3, 5, 9]
    query = tmp_path / "query.sql"
    query.write_text("{#-\nanew\n-#}\nselect anew -- anew\nfrom anew\n-- `anew`\n")
    assert [number for number, line in prose(query) if found_in(line)] == [2, 4]
    mutations = tmp_path / "mutations.yml"
    mutations.write_text("- invariant: anew\n  original: anew\n  mutant: anew\n")
    assert [number for number, line in prose(mutations) if found_in(line)] == [1]
