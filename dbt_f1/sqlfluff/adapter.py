"""What sqlfluff calls for dbt's `adapter` when it renders a model."""

from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context


@pass_context
def dispatch(context: Context, name: str, package: str) -> Any:
    """The macro of DuckDB, or the default one."""
    return context.resolve(f"duckdb__{name}") or context.resolve(f"default__{name}")
