"""The endpoints of Jolpica, under the names of their bronze tables: the catalog of this source.

Belongs here: how a resource becomes an endpoint. What the resources are is in endpoints.py.
"""

from functools import partial

from f1_lakehouse.sources.catalog import Endpoint, Scope
from f1_lakehouse.sources.jolpica.endpoints import RESOURCES
from f1_lakehouse.sources.jolpica.fields import Resource
from f1_lakehouse.sources.jolpica.unpack import rows_of_content


def endpoint_of(resource: Resource) -> Endpoint:
    """The endpoint of a resource, under the name of its bronze table."""
    return Endpoint(
        resource.table,
        resource.description,
        resource.columns,
        resource.key,
        scope=resource.scope,
        source="jolpica",
        path=resource.path,
        rows=partial(rows_of_content, resource),
        partition_column="season" if resource.scope is Scope.SEASON else None,
    )


ENDPOINTS: tuple[Endpoint, ...] = tuple(endpoint_of(resource) for resource in RESOURCES)
BY_NAME: dict[str, Endpoint] = {endpoint.name: endpoint for endpoint in ENDPOINTS}
