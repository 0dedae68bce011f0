"""Jolpica as a source: the entry for the registry, made from the modules of this package."""

from functools import partial

from f1_lakehouse.settings import Settings
from f1_lakehouse.sources.catalog import Endpoint, Scope, Source
from f1_lakehouse.sources.exchange import Connection, RetryPolicy, Window
from f1_lakehouse.sources.jolpica.endpoints import RESOURCES
from f1_lakehouse.sources.jolpica.fields import Resource
from f1_lakehouse.sources.jolpica.pull_policy import why_due
from f1_lakehouse.sources.jolpica.request_plan import JolpicaPlanner
from f1_lakehouse.sources.jolpica.responses import DEFAULT_URL, classify
from f1_lakehouse.sources.jolpica.unpack import rows_of_content


def connect(settings: Settings) -> Connection:
    """The connection that the settings describe."""
    windows = (
        Window(settings.jolpica_requests_per_second, 1.0),
        Window(settings.jolpica_requests_per_hour, 3600.0),
    )
    return Connection(settings.jolpica_url, windows)


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

JOLPICA = Source(
    name="jolpica",
    title="Jolpica",
    endpoints=ENDPOINTS,
    url_setting="F1_JOLPICA_URL",
    default_url=DEFAULT_URL,
    connect=connect,
    planner=JolpicaPlanner,
    classify=classify,
    why_due=why_due,
    # Refusals carry no Retry-After, and the window may be an hour long: half an hour of attempts, then the pull fails.
    retry=RetryPolicy(first_wait_rate_limited_s=30.0, longest_wait_rate_limited_s=900.0, max_attempts=7),
    max_concurrent_requests=2,
)
