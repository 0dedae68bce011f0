"""The pages as assets, one a family, behind published gold and in the same run.

Gold is published before a page is made: a page that fails is reported and keeps what it said before, and nothing else waits
for it. What the pages are, and which of them are behind, is in pages/.
"""

import logging
from collections.abc import Iterator
from typing import Any

import dagster as dg
from markupsafe import Markup

from f1_lakehouse.defs.resources import OWNERS, LakeResource
from f1_lakehouse.site.page import Table
from f1_lakehouse.site.site import Built, Site, broken_links, open_site

DESCRIPTIONS = {
    "races": "A page a race and sprint: result, places and gaps lap by lap, tyres, pace, stops, sectors, track map, weather.",
    "qualifyings": "A page a qualifying: phases with their cut-offs, sectors, speed traces, weather, race control.",
    "practices": "A short page a practice session: fastest laps, longer runs, sectors, weather.",
    "seasons": "A page per season since 1950, and the first page: calendar, results, championships, head-to-heads, sources.",
    "drivers": "A page per driver since 1950, and their list: career, seasons, wins, pole positions, team mates, results.",
    "constructors": "A page per constructor since 1950, and their list: career, seasons, drivers, wins, pole positions.",
    "circuits": "A page per circuit, and their list: winners, most victories, lap records.",
    "records": "The records of all seasons.",
    "data": "The page about the data: freshness, checks, coverage, known gaps.",
}

PREVIEW_ROWS = 10

log = logging.getLogger(__name__)


def _key(family: str) -> dg.AssetKey:
    return dg.AssetKey(["pages", family])


@dg.multi_asset(
    name="pages",
    specs=[
        dg.AssetSpec(
            _key(family),
            deps=[dg.AssetKey("published_gold")],
            group_name="pages",
            kinds={"python", "html"},
            owners=OWNERS,
            tags={"layer": "pages"},
            description=description,
            skippable=True,
        )
        for family, description in DESCRIPTIONS.items()
    ],
    check_specs=[
        dg.AssetCheckSpec(
            "links_lead_somewhere", asset=_key("seasons"), description="Every link of the site has its page"
        )
    ],
    can_subset=True,
)
def pages(context: dg.AssetExecutionContext, lake: LakeResource) -> Iterator[Any]:
    """Make the pages that are behind published gold."""
    settings = lake.open().settings
    families = [family for family in DESCRIPTIONS if _key(family) in context.selected_asset_keys]
    failed: dict[str, str] = {}
    log.info("building pages", extra={"event": "stage"})
    with open_site(settings) as opened:
        for family in families:
            built = opened.build([family])
            failed |= built.failed
            if not built.failed:
                yield dg.MaterializeResult(asset_key=_key(family), metadata=_metadata(opened, family, built))
    if context.selected_asset_check_keys:
        broken = broken_links(settings)
        yield dg.AssetCheckResult(
            asset_key=_key("seasons"),
            check_name="links_lead_somewhere",
            passed=not broken,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"broken_links": len(broken), "broken": "\n".join(broken[:20])},
        )
    if failed:
        page, reason = next(iter(failed.items()))
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise dg.Failure(
            f"gold is published, but the page {page} could not be made: {reason}{more}", allow_retries=False
        )


def _metadata(opened: Site, family: str, built: Built) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "pages": len(built.written) + len(built.unchanged),
        "written": len(built.written),
        "removed": len(built.removed),
        "folder": dg.MetadataValue.path(str(built.folder)),
    }
    newest = opened.preview(family)
    if newest is not None:
        address, title, table = newest
        metadata["newest"] = dg.MetadataValue.url((built.folder / address).as_uri())
        metadata["preview"] = dg.MetadataValue.md(f"**{_cell(title)}**\n\n{_markdown(table)}")
    return metadata


def _markdown(table: Table) -> str:
    rows = [table.columns, ["---"] * len(table.columns), *table.rows[:PREVIEW_ROWS]]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows)


def _cell(value: object) -> str:
    """Text that Markdown takes as it stands, whatever the data says."""
    text = value.striptags() if isinstance(value, Markup) else str(value)
    return "".join(f"&#{ord(c)};" if c in "<>&|`*_[]\\\n" else c for c in text)
