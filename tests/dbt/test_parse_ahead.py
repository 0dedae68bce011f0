"""The parse of the project in a dbt process that waits (f1_lakehouse/dbt/parse_ahead.py)."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dbt_lake import Lake

from f1_lakehouse.dbt.command import change_dbt
from f1_lakehouse.dbt.parse_ahead import may_use_parse, parse_ahead
from f1_lakehouse.dbt.project import AS_OF, PARTIAL_PARSE, folder_arguments
from f1_lakehouse.project_files import PROJECT_DIR


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The other end of stdin, on which the arguments come."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as stdin, os.fdopen(writing, "w"):
        monkeypatch.setattr(sys, "stdin", stdin)
        yield writing


def test_parse_has_every_node_prints_nothing_and_is_that_of_a_build(
    tmp_path: Path, told: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import cli

    change_dbt()
    Lake(tmp_path / "another").parsed()  # unless an earlier test has made the shared parse
    lake = Lake(tmp_path / "lake")
    expected = lake.parsed()  # and its cache is in the target folder
    monkeypatch.setattr("dbt.parser.manifest.UnableToPartialParse", no_parse)
    for name, value in lake.environment.items():
        monkeypatch.setenv(name, value)
    capfd.readouterr()
    project = set(PROJECT_DIR.iterdir())
    manifest = parse_ahead(lake.target)
    assert capfd.readouterr() == ("", "")
    assert set(PROJECT_DIR.iterdir()) == project, (
        "nothing is written into the project, which may be read-only"
    )
    assert set(manifest.nodes) == set(expected["nodes"])
    # dbt would parse the project again if it did not use the manifest.
    (lake.target / PARTIAL_PARSE).unlink()
    monkeypatch.setattr("dbt.parser.manifest.ManifestLoader.load", no_parse)
    arguments = ["ls", *folder_arguments(lake.target), "--select", "silver_laps", "--quiet"]
    with pytest.raises(SystemExit) as ended:
        cli([*arguments, "--resource-type", "model"], obj={"manifest": manifest})
    DuckDBConnectionManager.close_all_connections()
    assert (ended.value.code, capfd.readouterr().out) == (0, "f1.silver.silver_laps\n")


def no_parse(*_: object, **__: object) -> None:
    pytest.fail("the project is parsed again")  # no Exception, after which dbt parses it


def test_nothing_is_parsed_when_the_arguments_are_there_or_there_is_no_cache(
    tmp_path: Path, told: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbt.cli.main.dbtRunner", no_parse)
    shared: list[bytes | None] = [None]
    monkeypatch.setattr("f1_lakehouse.dbt.parse_ahead.take_shared_parse", lambda _: shared[0])
    assert parse_ahead(tmp_path / "dbt") is None
    shared[0] = b"{}"
    os.write(told, b"{}\n")
    assert parse_ahead(tmp_path / "dbt") is None


@pytest.mark.parametrize(
    ("changed", "arguments", "may"),
    [
        ({}, [], True),
        ({"DBT_LOG_FORMAT": "json"}, ["--full-refresh"], True),
        ({"F1_ENV": "prod"}, [], False),
        ({AS_OF: "2024-09-22"}, [], False),
        ({}, ["--target=spark"], False),
        ({}, ["--vars", "{max_number: 1}"], False),
    ],
)
def test_parse_is_used_for_the_same_project_in_the_same_environment(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], arguments: list[str], may: bool
) -> None:
    before = dict(os.environ)
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    assert may_use_parse(before, ["build", "--project-dir", str(PROJECT_DIR), *arguments]) is may
    assert not may_use_parse(before, ["build", "--project-dir", "/another", *arguments])
