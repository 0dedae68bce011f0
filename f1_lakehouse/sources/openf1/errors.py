"""What can go wrong when OpenF1 is asked, sorted by what the caller should do about it.

Belongs here: the classes and their one-line text. Not here: which answer means which error (`client.classify`) and
what a load does about one (the CLI, the assets).

An empty result is no error: sessions without weather or radio exist.
"""

from f1_lakehouse.errors import F1LakehouseError


class OpenF1Error(F1LakehouseError):
    """Base of all errors of this package; catch it to catch every one."""


class PermanentError(OpenF1Error):
    """Asking again would get the same answer: something here or there must change first.

    `once_more` marks the one case that is worth a second try: a 500, which is nearly always a refused query and
    now and then a database that was too slow.
    """

    def __init__(self, cause: str, url: str = "", cure: str = "", once_more: bool = False) -> None:
        super().__init__(cause, url, cure)
        self.args = (cause, url, cure, once_more)
        self.once_more = once_more


class TransientError(OpenF1Error):
    """The service or the way to it failed; later it may work. Raised when every attempt of a question is used up.

    `retry_after`: seconds that the service asked to wait, or None. `rate_limited`: it was about too many requests,
    so every process on this lake should wait, not only the one that was told.
    """

    def __init__(
        self,
        cause: str,
        url: str = "",
        cure: str = "",
        retry_after: float | None = None,
        rate_limited: bool = False,
    ) -> None:
        super().__init__(cause, url, cure)
        self.args = (cause, url, cure, retry_after, rate_limited)
        self.retry_after = retry_after
        self.rate_limited = rate_limited


class UnreachableError(TransientError):
    """No connection at all: the name does not resolve, or nothing listens there."""


class BudgetError(OpenF1Error):
    """What this run may spend is spent; no request was sent for this one."""


class LiveWindowError(OpenF1Error):
    """A session is running and only paying users are served; nothing is wrong, come back afterwards."""


class TooLargeError(OpenF1Error):
    """The service refuses the request because its result has too many rows, and it cannot be cut smaller."""


class OutageError(OpenF1Error):
    """OpenF1 failed so often in a row that it is left alone for a while; no request was sent for this one."""
