"""The sources of the lake, and lookups over all of them.

Belongs here: the tuple of sources and what follows from it. Does not belong here: the sources themselves
(`sources/<name>/`). To add a source, see docs/adding-a-source.md.
"""

from f1_lakehouse.sources.catalog import Endpoint
from f1_lakehouse.sources.jolpica.source import JOLPICA
from f1_lakehouse.sources.multiviewer.source import MULTIVIEWER
from f1_lakehouse.sources.openf1.source import OPENF1
from f1_lakehouse.sources.source import Source

SOURCES: tuple[Source, ...] = (OPENF1, JOLPICA, MULTIVIEWER)
ENDPOINTS: tuple[Endpoint, ...] = tuple(endpoint for source in SOURCES for endpoint in source.endpoints)
BY_NAME: dict[str, Endpoint] = {endpoint.name: endpoint for endpoint in ENDPOINTS}


def source_of(endpoint: Endpoint, sources: tuple[Source, ...] = SOURCES) -> Source:
    """The source that serves an endpoint. Raises KeyError if it is none of `sources`."""
    for source in sources:
        if source.name == endpoint.source:
            return source
    raise KeyError(endpoint.source)
