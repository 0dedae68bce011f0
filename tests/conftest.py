"""What holds for every test: the environment is afterwards what it was before.

Opening a lake puts its places into the environment, for dbt and child processes; the next test must not find them.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from receiver import Receiver
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

FIRST = ("test_cli.py", "test_dbt_lake.py", "test_transform.py", "test_recorded.py")
"""Files that take minutes. A worker takes whole files, and a long one that is begun last is waited for."""

LIVED = ("test_dbt_docs.py", "test_dbt_lake.py", "test_dbt_mutations.py", "test_dbt_project.py")
"""Files that look at the life of one lake (dbt/dbt_life.py), which takes a worker two minutes: one worker takes them all."""


class OneLife(LoadFileScheduling):
    """A worker takes whole files, and all those of one life."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "life" if Path(file).name in LIVED else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneLife | None:
    return OneLife(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: FIRST.index(item.path.name) if item.path.name in FIRST else len(FIRST))


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
