"""The digest of the dbt project, and the environment of dbt processes."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from f1_lakehouse.dbt.project import DbtError, dbt_environment, run_dbt, without_dbt_variables
from f1_lakehouse.project_files import PROJECT_DIR, project_digest
from f1_lakehouse.settings import Settings


@pytest.fixture
def project(tmp_path: Path) -> Path:
    kept = shutil.ignore_patterns("target", "logs", ".user.yml")
    return Path(shutil.copytree(PROJECT_DIR, tmp_path / "elsewhere", ignore=kept))


def test_digest_of_a_copy_is_equal_despite_other_times_and_files(project: Path) -> None:
    for path in project.rglob("*.sql"):
        os.utime(path, (0, 0))
    (project / "models" / ".DS_Store").write_bytes(b"x")
    (project / "models" / "gold" / "fact_laps.sql~").write_text("select 1")
    (project / "target").mkdir()
    (project / "target" / "manifest.json").write_text("{}")
    (project / "tests" / "another.sql").write_text("select 1")  # tests do not change the built tables
    assert project_digest(project) == project_digest()


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


@pytest.mark.parametrize(
    "change",
    [
        lambda p: (p / "models" / "new.sql").write_text("select 1"),
        lambda p: (p / "models" / "gold" / "core" / "fact_laps.sql").unlink(),
        lambda p: next((p / "models" / "silver").glob("*.sql")).rename(
            p / "models" / "silver" / "silver_x.sql"
        ),
        lambda p: append(p / "macros" / "nulls.sql", " "),
        lambda p: append(p / "seeds" / "team_lineage.csv", "\n"),
        lambda p: append(p / "snapshots" / "_snapshots.yml", "#"),
        lambda p: append(p / "dbt_project.yml", "#"),
    ],
    ids=["new model", "model gone", "model renamed", "macro", "seed", "snapshot", "vars"],
)
def test_digest_changes_with_any_built_file(project: Path, change: Callable[[Path], object]) -> None:
    change(project)
    assert project_digest(project) != project_digest()


def test_dbt_process_has_no_variables_of_another_project(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DBT_QUIET", "true")
    monkeypatch.setenv("DBT_ENGINE_TARGET", "prod")
    monkeypatch.setenv("F1_ENV", "stage")
    with without_dbt_variables():
        assert not [name for name in os.environ if name.startswith("DBT_")]
        assert os.environ["F1_ENV"] == "stage"
    assert (os.environ["DBT_QUIET"], os.environ["DBT_ENGINE_TARGET"]) == ("true", "prod")
    given = dbt_environment(Settings(lakehouse_root=tmp_path))
    assert [name for name in given if name.startswith("DBT_")] == ["DBT_SEND_ANONYMOUS_USAGE_STATS"]
    assert given["F1_WAREHOUSE"] == str(tmp_path / "warehouse.duckdb")


def test_error_is_the_end_of_the_dbt_output(tmp_path: Path) -> None:
    with pytest.raises(DbtError, match=r"^dbt no-such-command failed: .*No such command"):
        run_dbt(["no-such-command"], Settings(lakehouse_root=tmp_path), tmp_path)
