"""Errors that only OpenF1 has; `sources/errors.py` has those of every source."""

from f1_lakehouse.sources.errors import ClosedError


class LiveWindowError(ClosedError):
    """A session is live and OpenF1 serves only paying users; pulls are possible again after the session."""
