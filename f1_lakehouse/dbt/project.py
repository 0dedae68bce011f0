"""The files of the project that are not Python: the dbt project and Dagster's settings. Where they are, which version of the
dbt project this is, and the environment that a dbt process gets.

In a checkout they lie at its top level. A wheel carries them inside the package, where setup.py puts them. Both may be
read-only: what is derived from them (dbt's manifest, logs, a lake's dagster.yaml) lies in the lake. Running dbt is
defs/dbt.py; what a build and a publication record of the version is publishing/publish.py.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def find(name: str) -> Path:
    """A file or folder of the project's top level, wherever this installation has it."""
    carried = _PACKAGE / name
    return carried if carried.exists() else _PACKAGE.parent / name


PROJECT_DIR = find("dbt_f1")
"""The dbt project, with its profiles.yml."""
DAGSTER_CONFIG = find("dagster.yaml")
DIGESTED = ("models", "macros", "seeds", "snapshots")
"""Folders of the project that decide what dbt builds; its tests only judge it."""
SUFFIXES = frozenset({".sql", ".py", ".yml", ".yaml", ".csv", ".md"})
"""Files that dbt reads. Anything else there, such as an editor's backup, changes nothing."""


def project_digest(project: Path = PROJECT_DIR) -> str:
    """A digest of everything in a dbt project that decides what it builds: names below the project, and contents."""
    digest = sha256()
    found = [path for folder in DIGESTED for path in (project / folder).rglob("*") if path.is_file()]
    kept = [path for path in found if path.suffix in SUFFIXES and not path.name.startswith(".")]
    for path in sorted([*kept, project / "dbt_project.yml"]):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(project).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:12]


@contextmanager
def dbt_environment() -> Iterator[None]:
    """Take the `DBT_*` variables out of this process's environment, and put them back afterwards.

    They belong to another project of this user or machine: `DBT_TARGET`, `DBT_DEFER` or `DBT_EMPTY` would change what is built,
    `DBT_QUIET` and `DBT_LOG_LEVEL` hide dbt's results from Dagster. dbt-core and dagster-dbt both read them, so that to leave
    them out of the child's environment would not be enough.
    """
    foreign = {name: value for name, value in os.environ.items() if name.startswith("DBT_")}
    for name in foreign:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(foreign)
