"""Errors of any source, sorted by what the caller should do about them.

Belongs here: the error classes that every source shares. Does not belong here: which response means which error (the
`classify` function of a source), errors of one source only (`sources/<name>/errors.py`), and what a load does about an
error (the command line, the assets).

An empty result is not an error: sessions without weather or radio exist.
"""

from f1_lakehouse.errors import F1LakehouseError


class SourceError(F1LakehouseError):
    """Base of all errors of the sources; catch it to catch every one."""


class PermanentError(SourceError):
    """The same request would get the same response: something here or at the source must change first.

    `retry_once` marks the one case that deserves a second attempt: a 500, which is nearly always a refused query and
    occasionally a database that was too slow.
    """

    def __init__(self, cause: str, url: str = "", cure: str = "", retry_once: bool = False) -> None:
        super().__init__(cause, url, cure)
        self.args = (cause, url, cure, retry_once)
        self.retry_once = retry_once


class TransientError(SourceError):
    """The source or the network failed; a later attempt may succeed. Raised when all attempts of a request failed.

    `retry_after`: seconds that the source asked to wait, or None. `rate_limited`: the source refused because of too many
    requests, so every process on this lake must wait, not only the one that was refused.
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
    """No connection at all: the host name does not resolve, or nothing listens there."""


class BudgetError(SourceError):
    """The budget of this run is spent; the request was not sent."""


class ClosedError(SourceError):
    """The source is closed for a known time, as planned; nothing is wrong, and a later pull will succeed."""


class TooLargeError(SourceError):
    """The source refuses the request because its result has too many rows, and it cannot be divided further."""


class OutageError(SourceError):
    """The source failed so often in a row that the circuit breaker is open; the request was not sent."""


class InconsistentResponsesError(SourceError):
    """The responses of a pull do not fit together, for example pages of different ages.

    The pull fails; the next attempt starts a new pull instead of resuming this one.
    """
