"""`python -m f1_lakehouse.dbt.command`: dbt, with a cache of its parse that does not depend on the lake.

Belongs here: the one change to dbt. dbt reads its cache of a parse only if every field of the connection is as it was when the cache was
written, so each new lake would parse the project again (11 s of CPU), although nothing that is parsed depends on the path of the
warehouse. Non-public behavior of dbt-duckdb, used only with a tested version: `_connection_keys` lists the fields that are compared and
shown by `dbt debug`. With an untested version dbt runs unchanged and parses once per lake.
"""

import sys

from f1_lakehouse.tested_versions import is_tested


def ignore_the_path_of_the_warehouse() -> None:
    """Take the path of the warehouse out of the fields of the connection that dbt compares. Call before dbt reads its profile."""
    if not is_tested("dbt-duckdb"):
        return
    from dbt.adapters.duckdb.credentials import DuckDBCredentials

    fields = DuckDBCredentials._connection_keys

    def without_path(self: DuckDBCredentials) -> tuple[str, ...]:
        return tuple(field for field in fields(self) if field != "path")

    DuckDBCredentials._connection_keys = without_path  # type: ignore[method-assign]


if __name__ == "__main__":
    from dbt.cli.main import cli

    if "--target=spark" in sys.argv:
        from f1_lakehouse.dbt.spark_session import open_session

        open_session()
    else:
        ignore_the_path_of_the_warehouse()
    cli()
