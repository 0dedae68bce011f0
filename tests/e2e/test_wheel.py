"""The project as a wheel: what is in it, and that it works where nothing of it can be written to."""

import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import unprivileged

from f1_lakehouse.dbt.manifest import load_manifest
from f1_lakehouse.settings import load_settings

PROJECT = Path(__file__).parents[2]
SOURCES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "dagster.yaml", "f1_lakehouse", "dbt_f1")
LEFT_BY_DBT = ("target/manifest.json", "logs/dbt.log", "dbt_packages/one/dbt_project.yml", ".user.yml")
BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a checkout in which dbt has run."""
    checkout, into = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("dist")
    for source in SOURCES:
        if (PROJECT / source).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "target", "logs")
            shutil.copytree(PROJECT / source, checkout / source, ignore=ignored)
        else:
            shutil.copyfile(PROJECT / source, checkout / source)
    for name in LEFT_BY_DBT:
        (checkout / "dbt_f1" / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / "dbt_f1" / name).write_text("made by a run")
    subprocess.run([sys.executable, "-c", BUILD, into], cwd=checkout, check=True, capture_output=True)
    [made] = into.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The python of an environment that has the wheel and may not be written to; other packages are those of the tests."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(folder, symlinks=True)
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "shared.pth").write_text(sysconfig.get_path("purelib"))
    with zipfile.ZipFile(wheel) as content:
        content.extractall(packages)
    script = folder / "bin" / "f1"
    script.write_text(
        f"#!{folder}/bin/python\nimport sys\nfrom f1_lakehouse.cli.app import main\nsys.exit(main())\n"
    )
    script.chmod(0o755)
    unprivileged.forbid_writing(packages)
    yield folder / "bin" / "python"
    unprivileged.allow_writing(packages)


def start(installed: Path, folder: Path, *command: str, **environment: str) -> "subprocess.Popen[str]":
    """Start a command of the installed project in a folder of its own, by a user without root's rights."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("F1_", "DAGSTER_", "DBT_", "PYTHON"))}
    return subprocess.Popen(
        [*unprivileged.prefix(), str(installed), *command],
        env={**clean, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def run(installed: Path, folder: Path, *command: str, **environment: str) -> str:
    process = start(installed, folder, *command, **environment)
    said, _ = process.communicate()
    assert process.returncode == 0, said
    return said


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if "__pycache__" not in path.parts}


def test_wheel_contains_the_project_files_and_no_generated_ones(
    wheel: Path,
) -> None:
    with zipfile.ZipFile(wheel) as content:
        found = {name for name in content.namelist() if not name.startswith("f1_lakehouse-")}
    expected = {"f1_lakehouse/dagster.yaml"}
    for top, carried in (("f1_lakehouse", ""), ("dbt_f1", "f1_lakehouse/")):
        files = {f"{top}/{name}" for name in names(PROJECT / top) if (PROJECT / top / name).is_file()}
        expected |= {
            carried + name
            for name in files
            if not re.match(r"dbt_f1/(target|logs|dbt_packages|sqlfluff|\.)", name)
        }
    assert found == expected


def test_definitions_load_from_a_read_only_wheel(installed: Path, tmp_path: Path) -> None:
    # This uses the parsed project that a lake keeps; the demo below parses the project itself.
    load_manifest()
    kept = tmp_path / "lake" / "dbt"
    kept.mkdir(parents=True)
    for manifest in (load_settings().root / "dbt").glob("manifest-*.json"):
        shutil.copyfile(manifest, kept / manifest.name)
    program = (
        "import f1_lakehouse.definitions as d; from f1_lakehouse.dbt import project;"
        "from f1_lakehouse.instance.dagster_instance import dagster_home; from f1_lakehouse.settings import load_settings;"
        "print(d.__file__, project.PROJECT_DIR, dagster_home(load_settings()),"
        "len(d.defs().get_repository_def().asset_graph.get_all_asset_keys()))"
    )
    said = run(installed, tmp_path, "-P", "-c", program, F1_LAKEHOUSE_ROOT=str(tmp_path / "lake"))
    *places, home, assets = said.split()[-4:]
    assert all(place.startswith(str(installed.parents[1])) for place in places)
    assert int(assets) > 60
    assert "max_concurrent_runs" in (Path(home) / "dagster.yaml").read_text()


@pytest.mark.slow
def test_demo_and_ui_work_from_a_read_only_wheel(installed: Path, tmp_path: Path) -> None:
    before = names(installed.parents[1])
    said = run(installed, tmp_path, str(installed.with_name("f1")), "demo")
    assert "The race" in said
    assert "Planted difference of the two sources, found: points of" in said
    root = tmp_path / "local_data" / "demo" / "lake"
    with duckdb.connect(str(root / "gold.duckdb"), read_only=True) as con:
        assert con.execute("select count(*) from meta.publication").fetchall() == [(1,)]
        assert con.execute("select count(distinct circuit_id) from circuit_corners").fetchall() == [(1,)]
    assert names(tmp_path) == {name for name in names(tmp_path) if name.startswith("local_data")}
    here = {"F1_LAKEHOUSE_ROOT": str(root), "DAGSTER_HOME": str(root / "dagster")}
    validate = ("-m", "dagster", "definitions", "validate", "-m", "f1_lakehouse.definitions")
    assert "Validation successful" in run(installed, tmp_path, *validate, **here)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    ui = start(installed, tmp_path, str(installed.with_name("f1")), "ui", "--port", port, **here)
    try:
        deadline = time.monotonic() + 180
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=10) as answer:
                    assert re.search(rb"dagster_version", answer.read())
                break
            except OSError:
                assert ui.poll() is None
                assert time.monotonic() < deadline
                time.sleep(1)
    finally:
        ui.terminate()
        said, _ = ui.communicate(timeout=60)
    assert ui.returncode == 0, said
    assert names(installed.parents[1]) == before
