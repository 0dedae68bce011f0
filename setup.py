"""Put dbt_f1/ and dagster.yaml into the wheel, which pyproject.toml cannot: in a checkout they are next to the package.

An editable install does not copy them. f1_lakehouse/project_files.py finds them in both locations.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

TOP = Path(__file__).parent
FOLDERS = ("models", "macros", "seeds", "snapshots", "tests", "assets")
"""Folders of the dbt project. Other folders in it (target, logs, packages) are created by a run of dbt."""


def carried() -> list[Path]:
    """Return the files to put into the wheel, relative to the top level."""
    dbt = TOP / "dbt_f1"
    found = [path for folder in FOLDERS for path in (dbt / folder).rglob("*") if path.is_file()]
    found += [path for path in dbt.glob("*.yml") if not path.name.startswith(".")]
    return sorted(path.relative_to(TOP) for path in (*found, TOP / "dagster.yaml"))


class BuildWithProject(build_py):
    """Build the package with the project's files in it."""

    def run(self) -> None:
        """Build, and copy the files into the built package; copy nothing in an editable install."""
        if self.editable_mode:
            super().run()
            return
        built = Path(self.build_lib) / "f1_lakehouse"
        # A file of an earlier build must not remain after its source is removed.
        shutil.rmtree(built, ignore_errors=True)
        super().run()
        for path in carried():
            (built / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(TOP / path, built / path)

    def get_source_files(self) -> list[str]:
        """Return the files of a source distribution."""
        return [*super().get_source_files(), *(path.as_posix() for path in carried())]


setup(cmdclass={"build_py": BuildWithProject})
