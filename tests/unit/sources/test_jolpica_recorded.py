"""Recorded responses of Jolpica: every one gives rows of the catalog, with nothing refused and nothing unknown."""

import os
from collections import Counter
from pathlib import Path

import orjson
import pytest

from f1_lakehouse.sources.jolpica.endpoints import RESOURCES
from f1_lakehouse.sources.jolpica.fields import Resource
from f1_lakehouse.sources.jolpica.tables import BY_NAME
from f1_lakehouse.sources.jolpica.unpack import unpack
from f1_lakehouse.storage.parsing import parse_rows

RECORDED = Path(os.environ.get("F1_RECORDED_DATA", "no recorded data")) / "jolpica"
pytestmark = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="F1_RECORDED_DATA has no recorded responses of Jolpica"
)


def resource_of(data: dict[str, object]) -> Resource | None:
    """The most deeply nested resource that the response has rows of."""
    found = [one for one in RESOURCES if _has_rows(one, data)]
    return max(found, key=lambda one: len(one.lists), default=None)


def _has_rows(resource: Resource, data: dict[str, object]) -> bool:
    holder = data.get(resource.lists[0])
    for name in resource.lists[1:]:
        items = holder.get(name) if isinstance(holder, dict) else None
        if not items:
            return False
        holder = items[0]
    return True


def test_recorded_responses_give_typed_rows_without_quarantine() -> None:
    rows: Counter[str] = Counter()
    for path in sorted(RECORDED.rglob("*.json")):
        data = orjson.loads(path.read_bytes()).get("MRData")
        resource = resource_of(data) if data else None
        if resource is None:
            continue
        batch = parse_rows(BY_NAME[resource.table], unpack(resource, data[resource.lists[0]]))
        assert (batch.rejected, batch.added, batch.retyped) == ([], {}, {}), path
        rows[resource.name] += batch.table.num_rows
    assert set(rows) == {one.name for one in RESOURCES}
    assert rows["results"] >= 614
