"""Which tables a build can leave out: those that it would make again as they are, because nothing that they are made from has changed.

Belongs here: what a table is made from, and the decision, from dbt's manifest and from the endpoints whose current pulls have changed. What
has changed is in the pull log (`PullLog.versions`) and in the record of the last build (publishing/build_record.py); how dbt is started
without these tables, in defs/dbt.py.

A table may only be left out if the last build of all tables succeeded, with the same code: seeds and SQL are then as they were.
"""

from collections.abc import Collection, Mapping
from graphlib import TopologicalSorter
from typing import Any

PULL_LOG = "_pulls"
ALWAYS_BUILT = ("view", "ephemeral", "snapshot")
"""Views and ephemeral models have no rows of their own; a snapshot keeps what it has seen."""


def tables_made_from(manifest: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return each table → all tables that it is made from, directly or not; in the order in which tables are made.

    The keys are unique ids of dbt, also of the sources.
    """
    parents = {
        name: set(node["depends_on"].get("nodes", ()))
        for name, node in manifest["nodes"].items()
        if node["resource_type"] != "test"
    }
    found: dict[str, set[str]] = {}
    for table in TopologicalSorter(parents).static_order():
        direct = parents.get(table, set())
        found[table] = direct.union(*(found[parent] for parent in direct))
    return found


def unchanged_tables(manifest: Mapping[str, Any], changed: Collection[str]) -> list[str]:
    """Return the unique ids of the models and seeds that a build can leave out, each after those that it is made from.

    Always built, with all that is made from it: what reads the pull log for more than the current pulls of its endpoint, which are another
    version of bronze. Also built, although the same: views and ephemeral models, which have no rows of their own; snapshots; and the tables
    that dbt tests within the build, because it leaves out the tests of a table with the table.

    Args:
        manifest: dbt's manifest of the project.
        changed: endpoints whose current pulls are not those of the last build.
    """
    nodes = manifest["nodes"]
    tested_in_build = {
        table
        for node in nodes.values()
        if node["resource_type"] == "test" and not node["config"]["meta"].get("after_build")
        for table in node["depends_on"]["nodes"]
    }
    changed_tables: set[str] = set()
    left_out = []
    for name in tables_made_from(manifest):
        if name not in nodes or nodes[name]["resource_type"] not in ("model", "seed", "snapshot"):
            continue
        node, parents = nodes[name], set(nodes[name]["depends_on"].get("nodes", ()))
        read = {parent.rsplit(".", 1)[1] for parent in parents if parent.startswith("source.")}
        if node["name"].startswith("silver_"):
            read.discard(PULL_LOG)
        if read & {PULL_LOG, *changed} or parents & changed_tables:
            changed_tables.add(name)
        elif node["config"]["materialized"] not in ALWAYS_BUILT and name not in tested_in_build:
            left_out.append(name)
    return left_out
