"""All responses of one pull: sends the requests of a plan, several at a time.

Belongs here: concurrency, and what happens to the other requests when one fails. Does not belong here: which requests a pull
needs (`Source.planner`), and sending one (http.py).
"""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import orjson

from f1_lakehouse import interrupts
from f1_lakehouse.sources.catalog import Endpoint, Partition
from f1_lakehouse.sources.errors import SourceError, TooLargeError
from f1_lakehouse.sources.exchange import Connection, LandedResponse, Read, RequestPlan, Response
from f1_lakehouse.sources.http import HttpClient
from f1_lakehouse.sources.source import Source


class SourceClient:
    """A source, connected: one per process and source, because it remembers what earlier pulls showed.

    `connection`: as `Source.connect` made it. `http` sends the requests. May be shared by threads.
    """

    def __init__(self, source: Source, connection: Connection, http: HttpClient) -> None:
        self.source = source
        self.base_url = connection.base_url.rstrip("/")
        self.http = http
        self._planner = source.planner(self.base_url)

    def __repr__(self) -> str:
        return f"SourceClient({self.source.name!r}, {self.base_url!r})"

    def get(self, url: str) -> Response:
        """The response to one request: with rows or empty (see `Response.is_empty`).

        Raises TooLargeError, and what `HttpClient.get` raises.
        """
        response = self.http.get(url)
        if response.is_too_large:
            raise TooLargeError(f"{self.source.title} finds the result too large", url, "add filters")
        return response

    def responses(
        self,
        endpoint: Endpoint,
        partition: Partition,
        *,
        landed: Sequence[LandedResponse] = (),
        drivers: Sequence[int] = (),
        read: Read = orjson.loads,
    ) -> Iterator[Response]:
        """Every response that one pull needs beyond those that have landed, in the order of arrival.

        `read` decodes each body once into the `content` of its response. `drivers`: see `catalog.Planner`. When a request
        fails, no more are sent, but the responses to those in progress are yielded before the error is raised.

        Raises what the plan and `HttpClient.get` raise, and ValueError for a partition of another scope.
        """
        if partition.scope is not endpoint.scope:
            raise ValueError(f"{endpoint.name} is pulled by {endpoint.scope}, not by {partition.scope}")
        plan = self._planner(endpoint, partition, landed, drivers)
        yield from self._fetch(plan, read)
        plan.check_complete()

    def _fetch(self, plan: RequestPlan, read: Read) -> Iterator[Response]:
        under_way: set[Future[Response]] = set()
        failure: SourceError | None = None
        cancelled = threading.Event()
        threads = ThreadPoolExecutor(self.source.max_concurrent_requests, thread_name_prefix=self.source.name)
        try:
            while True:
                try:
                    while failure is None and len(under_way) < self.source.max_concurrent_requests:
                        url = plan.next_url()
                        if url is None:
                            break
                        under_way.add(threads.submit(self.http.get, url, read, cancelled))
                    if not under_way:
                        break
                    future = wait(under_way, return_when=FIRST_COMPLETED).done.pop()
                    under_way.remove(future)
                    response = future.result()
                    yield response
                    plan.receive(response)
                except SourceError as error:
                    failure = failure or error
        finally:
            cancelled.set()
            # An interrupted command ends with its threads; a slow response may take a minute.
            threads.shutdown(wait=not interrupts.is_requested(), cancel_futures=True)
        if failure is not None:
            raise failure
