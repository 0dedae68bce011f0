"""Which tables a build can leave out: those that it would make again as they are, because nothing that they are made from has changed.

Belongs here: the decision, from dbt's manifest and from the endpoints whose current pulls have changed. What has changed is in the pull log
(`PullLog.versions`) and in the record of the last build (publishing/build_record.py); how dbt is started without these tables, in defs/dbt.py.

A table may only be left out if the last build of all tables succeeded, with the same code: seeds and SQL are then as they were.
"""

from collections.abc import Collection, Mapping
from graphlib import TopologicalSorter
from typing import Any

PULLS = "_pulls"


def in_order(manifest: Mapping[str, Any]) -> list[str]:
    """Return the unique ids of the models, seeds and snapshots, each after those that it is made from."""
    nodes = {
        name: node["depends_on"].get("nodes", ())
        for name, node in manifest["nodes"].items()
        if node["resource_type"] in ("model", "seed", "snapshot")
    }
    return [name for name in TopologicalSorter(nodes).static_order() if name in nodes]


def unchanged_tables(manifest: Mapping[str, Any], changed: Collection[str]) -> list[str]:
    """Return the unique ids of the models and seeds that a build can leave out, each after those that it is made from.

    Always built, with all that is made from it: what reads the pull log for more than the current pulls of its endpoint, which are another
    version of bronze. Also built, although the same: views, which have no rows to be compared; snapshots; and the tables that dbt tests within
    the build, because it leaves out the tests of a table with the table.

    Args:
        manifest: dbt's manifest of the project.
        changed: endpoints whose current pulls are not those of the last build.
    """
    nodes = {name: manifest["nodes"][name] for name in in_order(manifest)}
    built = {
        name
        for name, node in nodes.items()
        if node["resource_type"] == "snapshot" or node["config"]["materialized"] == "view"
    }
    for test in manifest["nodes"].values():
        if test["resource_type"] == "test" and not test["config"]["meta"].get("after_build"):
            built.update(test["depends_on"]["nodes"])
    changed_tables: set[str] = set()
    left_out = []
    for name, node in nodes.items():
        parents = set(node["depends_on"].get("nodes", ()))
        read = {parent.rsplit(".", 1)[1] for parent in parents if parent.startswith("source.")}
        if node["name"].startswith("silver_"):
            read.discard(PULLS)
        if read & {PULLS, *changed} or parents & changed_tables:
            changed_tables.add(name)
        elif name not in built:
            left_out.append(name)
    return left_out
