"""Value ranges: pandera schemas made from the catalog.

A value outside its column's range or known values is improbable: it stays in bronze and is counted. Values that cannot be typed are not
here: storage/parsing.py quarantines their rows.
"""

from collections import Counter
from functools import cache

import pandera.polars as pa_polars
import polars as pl
import pyarrow as pa
from pandera.errors import SchemaErrors

from f1_lakehouse.sources.catalog import Column, Endpoint, Kind

BATCH_ROWS = 200_000
"""Rows of one validation, which copies them."""

_POLARS: dict[Kind, pl.DataType | type[pl.DataType]] = {
    Kind.INT: pl.Int64,
    Kind.DOUBLE: pl.Float64,
    Kind.TEXT: pl.String,
    Kind.BOOL: pl.Boolean,
    Kind.TIME: pl.Datetime("us", "UTC"),
    Kind.INTS: pl.List(pl.Int64),
    Kind.JSON: pl.String,
}


def _checks(column: Column) -> list[pa_polars.Check]:
    checks = []
    if column.low is not None and column.high is not None:
        checks.append(pa_polars.Check.in_range(column.low, column.high))
    if column.one_of is not None:
        checks.append(pa_polars.Check.isin(list(column.one_of)))
    return checks


@cache
def schema(columns: tuple[Column, ...]) -> pa_polars.DataFrameSchema:
    """Return the pandera schema of typed rows with these columns: types, required columns, ranges, known values."""
    return pa_polars.DataFrameSchema(
        {
            column.name: pa_polars.Column(_POLARS[column.kind], _checks(column), nullable=not column.required)
            for column in columns
        },
        strict=False,
    )


@cache
def _rules(columns: tuple[Column, ...]) -> tuple[list[str], pa_polars.DataFrameSchema]:
    """Return the columns with a rule, and their schema."""
    checked = [column.name for column in columns if _checks(column) or column.required]
    return checked, schema(columns).select_columns(checked)


def improbable(endpoint: Endpoint, table: pa.Table) -> dict[str, int]:
    """Return the number of rows of the typed `table` that violate a rule, by column; empty if there are none.

    Every rule is evaluated (lazy validation); a row that violates two rules of a column counts twice.
    """
    if table.num_rows == 0:
        return {}
    checked, rules = _rules(endpoint.columns)
    if not checked:
        return {}
    counts = Counter[str]()
    for begin in range(0, table.num_rows, BATCH_ROWS):
        frame = pl.from_arrow(table.select(checked).slice(begin, BATCH_ROWS))
        assert isinstance(frame, pl.DataFrame)
        try:
            rules.validate(frame, lazy=True)
        except SchemaErrors as error:
            counts.update(dict(error.failure_cases.group_by("column").len().iter_rows()))
    return dict(sorted(counts.items()))
