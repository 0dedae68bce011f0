"""Which columns of the API a column of silver or gold is made of: dbt's compiled SQL, read by sqlglot.

A column is made of what its value is computed from, what orders a rank and what a `case` asks included; not of joins,
filters, groups and partitions, nor of the order in which a sum runs: those say which rows count. Read from the SQL that
dbt runs and not from names, so that a column which is renamed, or goes through `select *`, is followed.

Not here: which tables read which; dbt's own graph says that.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

import orjson
from platformdirs import user_cache_path

from f1_lakehouse.storage.object_store import write_atomically

Column = tuple[str, str]
"""The unique_id of a node of the manifest, and a column of it."""

SNAPSHOT_TIMES = ("dbt_valid_from", "dbt_valid_to", "dbt_updated_at")


def column_lineage(manifest: Mapping[str, Any]) -> dict[Column, frozenset[Column]]:
    """Each column of each model and snapshot → the columns of sources and seeds that it is made of; none: a constant.

    Args:
        manifest: dbt's manifest.json after a command that compiles (build, compile, docs generate), not after parse.
    """
    parents = {
        (node, name): found
        for node, columns in direct_lineage(manifest).items()
        for name, found in columns.items()
    }
    origins: dict[Column, frozenset[Column]] = {}

    def origin(column: Column) -> frozenset[Column]:
        if column not in parents:
            return frozenset({column})
        if column not in origins:
            origins[column] = frozenset().union(*map(origin, parents[column]))
        return origins[column]

    return {column: origin(column) for column in parents}


def known_lineage(manifest: Mapping[str, Any]) -> dict[str, dict[str, list[Column]]]:
    """Return `direct_lineage`, from the user's cache directory where it was read from the same project before.

    Reading takes 1.5 s for 110 models. The rows that a build selects stand in the compiled SQL, but no column is made of them; so the key
    of the cache is what the project's files are. A build may compile some of the models only: the cache grows by those that it has not.
    """
    files = [node.get("checksum", node.get("compiled_code")) for _, node in sorted(manifest["nodes"].items())]
    macros = [macro["macro_sql"] for _, macro in sorted(manifest.get("macros", {}).items())]
    columns = [[*node["columns"]] for _, node in sorted({**manifest["nodes"], **manifest["sources"]}.items())]
    key = sha256(orjson.dumps([version("sqlglot"), files, macros, columns])).hexdigest()[:16]
    kept = user_cache_path("f1-lakehouse") / f"column-lineage-{key}.json"
    if not kept.is_absolute():  # a user without a home directory
        return direct_lineage(manifest)
    try:
        known = {
            table: {column: [(parent, name) for parent, name in found] for column, found in made.items()}
            for table, made in orjson.loads(kept.read_bytes()).items()
        }
    except (OSError, orjson.JSONDecodeError):
        known = {}
    found = direct_lineage(manifest, known)
    if not found.keys() <= known.keys():
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            for other in kept.parent.glob("column-lineage-*.json"):
                other.unlink(missing_ok=True)
            write_atomically(kept, orjson.dumps(known | found))
        except OSError:
            pass  # without write access nothing is kept
    return found


def direct_lineage(
    manifest: Mapping[str, Any], known: Mapping[str, dict[str, list[Column]]] = MappingProxyType({})
) -> dict[str, dict[str, list[Column]]]:
    """Each model and snapshot that was compiled → each column → the columns of the tables that it reads.

    Args:
        manifest: see `column_lineage`.
        known: the result for some of them.
    """
    nodes = {
        node["relation_name"]: node
        for node in [*manifest["sources"].values(), *manifest["nodes"].values()]
        if node["resource_type"] in ("model", "seed", "snapshot", "source") and node["relation_name"]
    }
    columns = {relation: _columns(node) for relation, node in nodes.items()}
    dialect = manifest.get("metadata", {}).get("adapter_type", "duckdb")
    parents: dict[str, dict[str, list[Column]]] = {}
    for node in nodes.values():
        if node["resource_type"] not in ("model", "snapshot") or not node.get("compiled_code"):
            continue
        if node["unique_id"] in known:
            parents[node["unique_id"]] = known[node["unique_id"]]
            continue
        code = node["compiled_code"]
        # sqlglot's schema of all tables would take longer to build than the query to read
        made = _made_of(
            code, {relation: names for relation, names in columns.items() if relation in code}, dialect
        )
        for time in SNAPSHOT_TIMES if node["resource_type"] == "snapshot" else ():
            made[time] = made[node["config"]["updated_at"]]
        parents[node["unique_id"]] = {
            column: sorted((nodes[table]["unique_id"], name) for table, name in found)
            for column, found in made.items()
        }
    return parents


def _columns(node: Mapping[str, Any]) -> list[str]:
    return [*node["columns"], *(SNAPSHOT_TIMES if node["resource_type"] == "snapshot" else ())]


def _qualified(sql: str, columns: Mapping[str, Iterable[str]], dialect: str) -> Any:
    """Return a query as sqlglot's expression, in which every column names its table and `*` is expanded."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.optimizer.qualify import qualify

    schema: dict[str, Any] = {}
    for relation, names in columns.items():
        table = exp.to_table(relation, dialect=dialect)
        catalog = schema.setdefault(table.catalog, {}) if table.catalog else schema
        catalog.setdefault(table.db, {})[table.name] = dict.fromkeys(names, "int")
    return qualify(
        sqlglot.parse_one(sql, read=dialect),
        schema=schema,
        dialect=dialect,
        validate_qualify_columns=False,
    )


def _made_of(sql: str, columns: Mapping[str, Iterable[str]], dialect: str) -> dict[str, set[tuple[str, str]]]:
    """Each column of a query → (relation, column) of the tables that it reads.

    Args:
        sql: a query.
        columns: the columns of each relation, for `select *` and for names that do not say their table.
        dialect: the name of the adapter that compiled the query, duckdb or spark.
    """
    from sqlglot import exp
    from sqlglot.optimizer.scope import Scope, build_scope

    seen: dict[tuple[int, str], set[tuple[str, str]]] = {}

    def selected(scope: Scope) -> dict[str, Any]:
        select: Any = scope.expression
        return {each.alias_or_name: each for each in select.selects}

    def made_of(scope: Scope, name: str) -> set[tuple[str, str]]:
        key = (id(scope), name)
        if key not in seen:
            seen[key] = set()  # a CTE that reads itself would not end
            if scope.set_operation_scopes:
                place = list(selected(scope)).index(name)
                for branch in scope.set_operation_scopes:
                    seen[key] |= made_of(branch, list(selected(branch))[place])
            else:
                seen[key] = of_expression(scope, selected(scope)[name])
        return seen[key]

    def of_expression(scope: Scope, expression: Any) -> set[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        for node in expression.walk(prune=lambda node: isinstance(node, exp.Subquery)):
            if isinstance(node, exp.Column) and not _says_which_rows(node, expression):
                source = scope.sources.get(node.table)
                if isinstance(source, Scope):
                    found |= made_of(source, node.name)
                elif source is not None:
                    # dbt quotes the names of relations for DuckDB alone
                    quote = '"' if dialect == "duckdb" else ""
                    relation = ".".join(f"{quote}{part.name}{quote}" for part in source.parts)
                    found.add((relation, node.name))
            elif isinstance(node, exp.Window) and node.alias and _is_rank(node):
                for window in scope.expression.args.get("windows") or ():
                    if window.name == node.alias:
                        found |= of_expression(scope, window.args["order"])
        return found

    root = build_scope(_qualified(sql, columns, dialect))
    assert root is not None
    return {name: made_of(root, name) for name in selected(root)}


def _is_rank(window: Any) -> bool:
    from sqlglot import exp

    return isinstance(window.this, exp.RowNumber | exp.Rank | exp.DenseRank | exp.Ntile)


def _says_which_rows(column: Any, expression: Any) -> bool:
    """Whether a column of an expression stands in the `over (…)` of a window within it, and not as what ranks."""
    from sqlglot import exp

    node = column
    while node is not expression and node.parent is not None:
        if isinstance(node.parent, exp.Window) and node.arg_key != "this":
            return node.arg_key == "partition_by" or not _is_rank(node.parent)
        node = node.parent
    return False
