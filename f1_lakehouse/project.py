"""Where the files of the project are that are no Python: the dbt project and Dagster's settings.

In a checkout they lie at its top level. A wheel carries them inside the package, where setup.py puts them. Both may be
read-only: what is derived from them (dbt's manifest, logs, a lake's dagster.yaml) lies in the lake.
"""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def find(name: str) -> Path:
    """A file or folder of the project's top level, wherever this installation has it."""
    carried = _PACKAGE / name
    return carried if carried.exists() else _PACKAGE.parent / name


PROJECT_DIR = find("dbt_f1")
"""The dbt project, with its profiles.yml."""
DAGSTER_CONFIG = find("dagster.yaml")
