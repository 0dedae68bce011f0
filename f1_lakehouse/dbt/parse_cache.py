"""dbt's parse of the project, shared by all lakes of a user: the manifest, and the cache from which dbt's next parse continues.

Belongs here: where the shared files are, and when they are used. What the manifest says is in manifest.py. The cache is a folder of the
user's cache directory, one for each state of the project, version of dbt and path of the project (dbt stores the path of each seed).
A user without a home directory, or without write access to it, shares nothing: each lake parses the project itself.
"""

import shutil
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from platformdirs import user_cache_path

from f1_lakehouse.dbt.project import PARTIAL_PARSE, discard_foreign_parse
from f1_lakehouse.project_files import PROJECT_DIR
from f1_lakehouse.storage.object_store import write_atomically
from f1_lakehouse.tested_versions import is_tested

MAX_STATES = 5
"""Folders of the cache that are kept: the newest ones."""
MANIFEST = "manifest.json"


def digest_of_parsed_files() -> str:
    """Return a digest of every file that dbt parses, its tests and the profile included."""
    digest = sha256()
    folders = ("models", "macros", "seeds", "snapshots", "tests")
    found = [path for folder in folders for path in (PROJECT_DIR / folder).rglob("*") if path.is_file()]
    for path in sorted([*found, *PROJECT_DIR.glob("*.yml")]):
        digest.update(f"{path.relative_to(PROJECT_DIR).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def shared_folder() -> Path | None:
    """Return the folder of the shared parse of the project as it is now; None if nothing is shared.

    It is below the user's cache directory: `$XDG_CACHE_HOME` or `~/.cache` on Linux.
    """
    home = user_cache_path("f1-lakehouse")
    # The path of a user without a home directory, as in containers, stays relative.
    if not home.is_absolute() or not is_tested("dbt-duckdb"):
        return None
    versions = f"{version('dbt-core')}-{version('dbt-duckdb')}-{PROJECT_DIR}"
    state = sha256(f"{digest_of_parsed_files()}-{versions}".encode()).hexdigest()[:16]
    return home / f"dbt-{state}"


def take_shared_parse(target: Path) -> bytes | None:
    """Copy dbt's shared cache into a target folder that has none; return the shared manifest, or None if there is none."""
    folder = shared_folder()
    if folder is None:
        return None
    try:
        content = (folder / MANIFEST).read_bytes()
        parsed = (folder / PARTIAL_PARSE).read_bytes()
    except OSError:
        return None
    target.mkdir(parents=True, exist_ok=True)
    discard_foreign_parse(target)
    if not (target / PARTIAL_PARSE).exists():
        write_atomically(target / PARTIAL_PARSE, parsed)
    return content


def share_parse(folder: Path) -> None:
    """Copy manifest and cache of a parse from its target folder to the shared folder, if the user may write there."""
    shared = shared_folder()
    if shared is None:
        return
    try:
        shared.mkdir(parents=True, exist_ok=True)
        # The manifest last: a folder with a manifest is complete.
        write_atomically(shared / PARTIAL_PARSE, (folder / PARTIAL_PARSE).read_bytes())
        write_atomically(shared / MANIFEST, (folder / MANIFEST).read_bytes())
        states = sorted(shared.parent.glob("dbt-*"), key=lambda path: path.stat().st_mtime)
        for old in states[:-MAX_STATES]:
            shutil.rmtree(old, ignore_errors=True)
    except OSError:
        return
