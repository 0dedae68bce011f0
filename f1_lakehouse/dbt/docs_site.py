"""`make docs`: the dbt docs site of a lake, a page that opens from disk."""

import shutil
import sys

from f1_lakehouse.settings import SettingsError


def build_docs() -> int:
    """Write `<root>/docs/index.html` and the pictures beside it; the exit code of dbt."""
    from f1_lakehouse.defs.dbt import dbt_cli
    from f1_lakehouse.lakehouse import current_settings

    settings = current_settings()
    if not settings.warehouse.exists():
        print(f"make: {settings.root} has no warehouse yet; run f1 load or f1 demo first", file=sys.stderr)
        return 1
    target = settings.root / "dbt"
    target.mkdir(exist_ok=True)
    done = dbt_cli().cli(["docs", "generate", "--static"], target_path=target, raise_on_error=False).wait()
    if not done.is_successful():
        return 1
    site = settings.root / "docs"
    site.mkdir(exist_ok=True)
    shutil.copyfile(target / "static_index.html", site / "index.html")
    shutil.copytree(target / "assets", site / "assets", dirs_exist_ok=True)
    print(f"{site / 'index.html'}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(build_docs())
    except SettingsError as error:
        print(f"make: {error}", file=sys.stderr)
        sys.exit(1)
