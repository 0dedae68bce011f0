"""The files of the project that are not Python: the dbt project and Dagster's settings.

Belongs here: where these files are, and the version of the dbt project. In a checkout they are at its top level; a wheel has them
inside the package, where setup.py puts them. Both may be read-only: what is derived from them (dbt's manifest, logs, a lake's
dagster.yaml) is written to the lake. Not here: how dbt is run (dbt/project.py), and what a publication records of the version
(publishing/publication.py).
"""

from hashlib import sha256
from pathlib import Path

_PACKAGE = Path(__file__).parent


def find(name: str) -> Path:
    """Return the path of a file or folder of the project's top level in this installation."""
    packaged = _PACKAGE / name
    return packaged if packaged.exists() else _PACKAGE.parent / name


PROJECT_DIR = find("dbt_f1")
"""The dbt project, with its profiles.yml."""
DAGSTER_CONFIG = find("dagster.yaml")
DIGESTED = ("models", "macros", "seeds", "snapshots")
"""Folders of the project that determine what dbt builds. Its tests do not."""
SUFFIXES = frozenset({".sql", ".py", ".yml", ".yaml", ".csv", ".md"})
"""Files that dbt reads. Any other file, such as an editor's backup, does not change the digest."""


def project_digest(project: Path = PROJECT_DIR) -> str:
    """Return a digest of the names and contents of all files of a dbt project that determine what it builds."""
    digest = sha256()
    found = [path for folder in DIGESTED for path in (project / folder).rglob("*") if path.is_file()]
    kept = [path for path in found if path.suffix in SUFFIXES and not path.name.startswith(".")]
    for path in sorted([*kept, project / "dbt_project.yml"]):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(project).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:12]
