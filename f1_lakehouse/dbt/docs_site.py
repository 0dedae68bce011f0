"""`make docs`: the dbt docs site of a lake, as a page that opens from disk."""

import shutil
import sys

from f1_lakehouse.dbt.project import run_dbt
from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.settings import load_settings


def build_docs() -> int:
    """Write `<root>/docs/index.html` and its images. Returns the exit code."""
    settings = load_settings()
    if not settings.warehouse.exists():
        print(f"make: {settings.root} has no warehouse yet; run f1 load or f1 demo first", file=sys.stderr)
        return 1
    target = settings.root / "dbt"
    target.mkdir(exist_ok=True)
    run_dbt(["docs", "generate", "--static"], settings, target)
    site = settings.root / "docs"
    site.mkdir(exist_ok=True)
    shutil.copyfile(target / "static_index.html", site / "index.html")
    shutil.copytree(target / "assets", site / "assets", dirs_exist_ok=True)
    print(f"{site / 'index.html'}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(build_docs())
    except F1LakehouseError as error:
        print(f"make: {error}", file=sys.stderr)
        sys.exit(1)
