"""The result of a query: nothing is computed before it is converted or shown.

Belongs here: conversions. Does not belong here: which query answers a question (published_lake.py).
"""

import importlib
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb

from f1_lakehouse.api.errors import LakeError
from f1_lakehouse.counts import counted

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

T = TypeVar("T")

MAX_ROWS_SHOWN = 20


class Result:
    """Rows of a lake. Convert them with `polars`, `pandas`, `arrow` or `rows`, or print them with `show`.

    Each conversion runs the query, on what is published at that time. Times are UTC.

    `relation`: a function that returns DuckDB's relation of the query.
    """

    def __init__(self, relation: Callable[[], duckdb.DuckDBPyRelation]) -> None:
        self._relation = relation
        self._columns = tuple(relation().columns)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return self._columns

    def polars(self) -> "pl.DataFrame":
        """Return a polars DataFrame. Raises LakeError if polars is not installed."""
        _require("polars", "pyarrow")
        return self._run(lambda relation: relation.pl())

    def pandas(self) -> "pd.DataFrame":
        """Return a pandas DataFrame. Raises LakeError if pandas is not installed."""
        _require("pandas", "numpy")
        return self._run(lambda relation: relation.df())

    def arrow(self) -> "pa.Table":
        """Return an Arrow table."""
        _require("pyarrow")
        return self._run(lambda relation: relation.to_arrow_table())

    def rows(self) -> list[dict[str, Any]]:
        """Return one dictionary per row, column → Python value."""
        return [dict(zip(self._columns, row, strict=True)) for row in self._run(lambda r: r.fetchall())]

    def show(self, max_rows: int = MAX_ROWS_SHOWN) -> None:
        """Print the first rows as a table as wide as the terminal."""
        width = shutil.get_terminal_size((120, 40)).columns
        self._run(lambda relation: relation.show(max_rows=max_rows, max_width=width))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Iterate over the rows as dictionaries."""
        return iter(self.rows())

    def __len__(self) -> int:
        """The number of rows."""
        return int(self._run(lambda relation: relation.count("*").fetchall())[0][0])

    def __bool__(self) -> bool:
        """Whether there is a row."""
        return len(self) > 0

    def __repr__(self) -> str:
        return f"<Result: {counted(len(self), 'row')} of {', '.join(self._columns)}; .polars(), .pandas(), .arrow(), .rows() or .show()>"

    def _repr_html_(self) -> str:
        """A table of the first rows, for notebooks."""
        from html import escape

        found = self._run(lambda relation: relation.limit(MAX_ROWS_SHOWN).fetchall())
        head = "".join(f"<th>{escape(name)}</th>" for name in self._columns)
        body = "".join(
            "<tr>"
            + "".join(f"<td>{'' if value is None else escape(str(value))}</td>" for value in row)
            + "</tr>"
            for row in found
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{counted(len(self), 'row')}</p>"

    def _run(self, convert: Callable[[duckdb.DuckDBPyRelation], T]) -> T:
        try:
            return convert(self._relation())
        except duckdb.Error as error:
            raise LakeError(f"the query failed: {str(error).split(chr(10))[0]}") from None


def _require(*modules: str) -> None:
    """Raise LakeError if a library of a conversion is not installed."""
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError:
            raise LakeError(
                f"{name} is not installed; install it (pip install {name}), or use .rows() or .arrow()"
            ) from None
