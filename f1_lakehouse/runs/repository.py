"""The project's definitions as a repository, from which this process runs jobs."""

from functools import cache

import dagster as dg

from f1_lakehouse.dbt.manifest import is_manifest_loaded
from f1_lakehouse.instance.dagster_instance import current_instance
from f1_lakehouse.instance.run_events import latest_check_results
from f1_lakehouse.observability.run_log import CheckResult


@cache
def repository(*, with_dbt: bool) -> dg.RepositoryDefinition:
    """Return the project's definitions; made once per process. Those of bronze alone need neither dagster-dbt nor the manifest."""
    if with_dbt:
        from f1_lakehouse.definitions import defs

        return defs().get_repository_def()
    from f1_lakehouse.defs.bronze import bronze_definitions
    from f1_lakehouse.sources.registry import SOURCES

    return bronze_definitions(SOURCES).get_repository_def()


def latest_checks() -> list[CheckResult]:
    """Return the last result of each asset check of this lake that was ever evaluated."""
    keys = repository(with_dbt=True).asset_graph.asset_check_keys
    return latest_check_results(current_instance(), keys)


def check_descriptions() -> dict[tuple[str, str], str]:
    """Return what each asset check verifies, by asset and name: the first paragraph of its description.

    dbt's tests are included only if this process has read dbt's manifest: otherwise none of them can have failed in it.
    """
    with_dbt = is_manifest_loaded()
    graph = repository(with_dbt=with_dbt).asset_graph
    return {
        (key.asset_key.to_user_string(), key.name): " ".join(
            (graph.get(key).description or "").partition("\n\n")[0].split()
        )
        for key in graph.asset_check_keys
    }
