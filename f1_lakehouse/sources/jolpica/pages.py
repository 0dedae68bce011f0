"""The pages of a pull: which are to be requested, and whether together they are what the service has.

A pull of a resource and a partition takes one request for each 100 rows. `limit` counts rows, not races, so a race may
lie on two pages; rows have keys of their own and are simply put one after the other. Pages may come from caches of
different ages (an hour at the server, ten minutes on the way): the pull is consistent only if every page shows the
same `total` and the rows have as many distinct keys. One that is not is requested again from its first page.

Pure: nothing is sent. Rows are unpacked in unpack.py; what an HTTP status means is in responses.py.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import orjson

from f1_lakehouse.sources.catalog import Scope
from f1_lakehouse.sources.jolpica.fields import Resource
from f1_lakehouse.sources.jolpica.partitions import WHOLE, scope_of, season_and_round
from f1_lakehouse.sources.jolpica.unpack import Envelope, EnvelopeError, Row, envelope, unpack

PAGE = 100
"""Rows of a page: the most that the service serves."""


class InconsistentPullError(ValueError):
    """Pages that are not parts of one answer; the message says which and why. The pull starts from its first page."""


@dataclass(frozen=True)
class Page:
    """One landed page: which rows of the query it was requested for, how many the query has, and its rows."""

    url: str
    offset: int
    total: int
    rows: tuple[Row, ...]


def url(base: str, resource: Resource, partition: int, offset: int = 0) -> str:
    """The URL of a page, for example `…/2024/5/laps.json?limit=100&offset=200`.

    `base` is the API's root (`https://api.jolpi.ca/ergast/f1`). Raises ValueError for a partition that the resource does
    not have.
    """
    scope = scope_of(partition)
    if scope is not resource.scope:
        raise ValueError(f"{resource.name} is pulled by {resource.scope}, not for {partition}")
    parts: list[str] = []
    if scope is Scope.SEASON:
        parts = [str(partition)]
    elif scope is Scope.ROUND:
        parts = [str(part) for part in season_and_round(partition)]
    path = "/".join([base.rstrip("/"), *parts, f"{resource.path}.json"])
    return f"{path}?limit={PAGE}&offset={offset}"


def exists(resource: Resource, partition: int) -> bool:
    """Whether the service can have rows for that partition; what cannot exist is never requested."""
    scope = scope_of(partition)
    if scope is not resource.scope:
        return False
    if partition == WHOLE:
        return True
    season = partition if scope is Scope.SEASON else season_and_round(partition)[0]
    return season >= resource.first_season


def read_page(resource: Resource, at: str, body: bytes) -> Page:
    """A page from its URL and its body.

    Raises:
        EnvelopeError: the body is no response of the resource, or not the page that was requested.
    """
    return page_of(resource, at, envelope(resource, body))


def page_of(resource: Resource, at: str, found: Envelope) -> Page:
    """A page from its URL and its frame. Raises EnvelopeError as `read_page`."""
    offset = offset_of(at)
    if found.offset != offset:
        raise EnvelopeError(
            f"the page from row {offset} was requested, that from row {found.offset} was served"
        )
    if found.limit != PAGE:
        raise EnvelopeError(f"pages of {PAGE} rows were requested, one of {found.limit} was served")
    return Page(at, offset, found.total, tuple(unpack(resource, found.table)))


def offset_of(at: str) -> int:
    """The first row of the page at a URL."""
    return int(parse_qs(urlsplit(at).query).get("offset", ["0"])[0])


def requests(base: str, resource: Resource, partition: int, landed: Iterable[Page]) -> list[str]:
    """The URLs that are still to be requested, given the pages that have landed; the empty list when all are there.

    The first page alone is requested first: it says how many follow.
    """
    pages = {page.offset: page for page in landed}
    if not pages:
        return [url(base, resource, partition)]
    total = max(page.total for page in pages.values())
    offsets = range(0, max(total, 1), PAGE)
    return [url(base, resource, partition, offset) for offset in offsets if offset not in pages]


def check(resource: Resource, partition: int, landed: Sequence[Page]) -> None:
    """Check that pages are a complete and consistent pull.

    Raises:
        InconsistentPullError: a page is missing, pages show different totals, a key is served twice, there are more or
            fewer rows than `total`, or rows are of another season or round.
    """
    pages = sorted(landed, key=lambda page: page.offset)
    totals = sorted({page.total for page in pages})
    if len(totals) != 1:
        shown = ", ".join(map(str, totals)) or "none"
        raise InconsistentPullError(f"{resource.name}: the number of rows changed between pages ({shown})")
    total = totals[0]
    offsets = [page.offset for page in pages]
    if offsets != list(range(0, max(total, 1), PAGE)):
        raise InconsistentPullError(f"{resource.name}: {len(pages)} pages at rows {offsets} of {total} rows")
    seen: dict[tuple[Hashable, ...], int] = {}
    for page in pages:
        for row in page.rows:
            if not _is_of(resource, partition, row):
                raise InconsistentPullError(
                    f"{resource.name}: {partition} was requested, a row of season {row.get('season')}, round "
                    f"{row.get('round')} was served"
                )
            key = _key(resource, row)
            if key in seen:
                where = "one page" if seen[key] == page.offset else "two pages"
                raise InconsistentPullError(f"{resource.name}: the row {_show(resource, key)} is on {where}")
            seen[key] = page.offset
    if len(seen) != total:
        raise InconsistentPullError(f"{resource.name}: {len(seen)} rows came of {total}")


def _is_of(resource: Resource, partition: int, row: Mapping[str, object]) -> bool:
    """Whether a row is of the partition; one that cannot be placed is left for the quarantine."""
    if resource.scope is not Scope.ROUND:
        return True  # rows of another season are refused one by one, as for every source
    season, number = season_and_round(partition)
    return row.get("season") in (season, None) and row.get("round") in (number, None)


def _key(resource: Resource, row: Mapping[str, object]) -> tuple[Hashable, ...]:
    return tuple(_hashable(row.get(name)) for name in resource.key)


def _hashable(value: object) -> Hashable:
    return value if isinstance(value, str | int | float | None) else orjson.dumps(value)


def _show(resource: Resource, key: tuple[Hashable, ...]) -> str:
    return ", ".join(f"{name} {value}" for name, value in zip(resource.key, key, strict=True))
