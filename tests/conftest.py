"""What holds for every test: the environment is afterwards what it was before.

Opening a lake puts its places into the environment, for dbt and child processes; the next test must not find them.
"""

import os
from collections.abc import Iterator

import pytest
from receiver import Receiver


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """The environment variables of the process, put back after the test."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that runs for the length of a test."""
    with Receiver() as one:
        yield one
