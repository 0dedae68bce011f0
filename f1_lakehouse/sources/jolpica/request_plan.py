"""The requests of one pull of Jolpica: its pages, one after the other.

Belongs here: the plan that sources/client.py works off. Which pages there are, and what makes them consistent, is in
pages.py.
"""

from collections.abc import Sequence

from f1_lakehouse.sources.catalog import Endpoint, Partition
from f1_lakehouse.sources.errors import InconsistentResponsesError
from f1_lakehouse.sources.exchange import LandedResponse, Response
from f1_lakehouse.sources.jolpica import pages
from f1_lakehouse.sources.jolpica.endpoints import BY_TABLE
from f1_lakehouse.sources.jolpica.fields import Resource
from f1_lakehouse.sources.jolpica.pages import InconsistentPullError, Page
from f1_lakehouse.sources.jolpica.unpack import EnvelopeError

_AGAIN = "run again: the pull starts from its first page"


class JolpicaPlanner:
    """Makes request plans. `base_url`: the API's root, up to and including `/f1`."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    def __call__(
        self,
        endpoint: Endpoint,
        partition: Partition,
        landed: Sequence[LandedResponse] = (),
        drivers: Sequence[int] = (),
    ) -> "JolpicaRequestPlan":
        """The plan of a pull. `drivers` is not used. Raises InconsistentResponsesError for landed pages that disagree."""
        return JolpicaRequestPlan(self._base_url, BY_TABLE[endpoint.name], partition.key, landed)


class JolpicaRequestPlan:
    """The pages of one pull; see `exchange.RequestPlan`.

    The first page is requested alone, because it says how many follow. As soon as a page shows another number of rows the
    pull ends, and the next one starts from its first page.
    """

    def __init__(
        self, base_url: str, resource: Resource, partition: int, landed: Sequence[LandedResponse] = ()
    ) -> None:
        self._base_url = base_url
        self._resource = resource
        self._partition = partition
        self._pages: list[Page] = []
        self._under_way: set[str] = set()
        for response in landed:
            self._take(response.url, response.body())

    def next_url(self) -> str | None:
        """The next page that has neither landed nor is in progress; see `exchange.RequestPlan`."""
        if self._under_way and not self._pages:
            return None
        missing = pages.requests(self._base_url, self._resource, self._partition, self._pages)
        url = next((url for url in missing if url not in self._under_way), None)
        if url is not None:
            self._under_way.add(url)
        return url

    def receive(self, response: Response) -> None:
        """Take a page into account. Raises InconsistentResponsesError if it does not fit to the others."""
        self._under_way.discard(response.url)
        self._take(response.url, response.body)

    def check_complete(self) -> None:
        """Raise InconsistentResponsesError unless the pages are one complete and consistent pull."""
        try:
            pages.check(self._resource, self._partition, self._pages)
        except InconsistentPullError as error:
            raise self._inconsistent(str(error)) from error

    def _take(self, url: str, body: bytes) -> None:
        try:
            page = pages.read_page(self._resource, url, body)
        except EnvelopeError as error:
            raise self._inconsistent(f"{self._resource.name}: a page is {error}") from error
        self._pages.append(page)
        totals = sorted({one.total for one in self._pages})
        if len(totals) > 1:
            shown = ", ".join(map(str, totals))
            raise self._inconsistent(
                f"{self._resource.name}: the number of rows changed between pages ({shown})"
            )

    def _inconsistent(self, cause: str) -> InconsistentResponsesError:
        first = pages.url(self._base_url, self._resource, self._partition)
        return InconsistentResponsesError(cause, first, _AGAIN)
