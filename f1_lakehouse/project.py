"""Where the files of the project are that are no Python: the dbt project and Dagster's settings.

In a checkout they lie at its top level. A wheel carries them inside the package, where setup.py puts them. Both may be
read-only: what is derived from them (dbt's manifest, logs, a lake's dagster.yaml) lies in the lake.
"""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def dbt_project_dir() -> Path:
    """The folder of the dbt project, which holds its profiles.yml too."""
    return _find("dbt_f1")


def dagster_config() -> Path:
    """The project's dagster.yaml."""
    return _find("dagster.yaml")


def _find(name: str) -> Path:
    carried = _PACKAGE / name
    return carried if carried.exists() else _PACKAGE.parent / name
