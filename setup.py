"""What pyproject.toml cannot say: a wheel carries dbt_f1/ and dagster.yaml, which lie beside the package in a checkout.

An editable install leaves them where they are. f1_lakehouse/project_files.py finds them in either place.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

TOP = Path(__file__).parent
FOLDERS = ("models", "macros", "seeds", "snapshots", "tests", "assets")
"""Of the dbt project; whatever else lies in it (target, logs, packages) was made by a run of dbt."""


def carried() -> list[Path]:
    """The files, relative to the top level."""
    dbt = TOP / "dbt_f1"
    found = [path for folder in FOLDERS for path in (dbt / folder).rglob("*") if path.is_file()]
    found += [path for path in dbt.glob("*.yml") if not path.name.startswith(".")]
    return sorted(path.relative_to(TOP) for path in (*found, TOP / "dagster.yaml"))


class BuildWithProject(build_py):
    """Build the package with the project's files in it."""

    def run(self) -> None:
        """Build, and copy them into the built package; an editable install is left as it is."""
        if self.editable_mode:
            super().run()
            return
        built = Path(self.build_lib) / "f1_lakehouse"
        # What an earlier build left must not stay when its source is gone.
        shutil.rmtree(built, ignore_errors=True)
        super().run()
        for path in carried():
            (built / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(TOP / path, built / path)

    def get_source_files(self) -> list[str]:
        """The files of a source distribution."""
        return [*super().get_source_files(), *(path.as_posix() for path in carried())]


setup(cmdclass={"build_py": BuildWithProject})
