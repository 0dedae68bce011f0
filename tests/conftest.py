"""Rules for all tests: markers by folder, how files are distributed over workers, and an unchanged environment.

Opening a lake writes its paths into the environment, for dbt and child processes; the next test must not see them.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from loaded_lake import LoadedLake, load_once
from receiver import Receiver
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from f1_lakehouse import allocators

TESTS = Path(__file__).parent

FIRST_FILES = ("test_cli.py", "test_publish.py", "test_dbt_lake.py", "test_recorded.py")
"""A worker runs complete files, so the longest start first; those that wait for the lake of test_cli do not.

While one worker parses the dbt project, for test_cli, the other one runs test_publish: then test_dbt_lake need not parse it too.
"""

SHARED_LAKE_FILES = (
    "test_dbt_docs.py",
    "test_dbt_features.py",
    "test_dbt_jolpica.py",
    "test_dbt_lake.py",
    "test_dbt_laps.py",
    "test_dbt_mutations.py",
    "test_dbt_profiles.py",
    "test_dbt_project.py",
)
"""Files that run dbt in the process of the tests, most of them on one lake (dbt/lake_states.py): one worker runs them all.

The lake takes more than a minute to build, and dbt three seconds to import.
"""


class SharedLakeScheduling(LoadFileScheduling):
    """Distribute complete files; the files that share a lake go to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "shared lake" if Path(file).name in SHARED_LAKE_FILES else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SharedLakeScheduling | None:
    return SharedLakeScheduling(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_configure() -> None:
    allocators.collect_garbage_rarely()  # as in a command; imports and definitions stay until the end
    # Jolpica has no stand-in unless a test starts one, and nothing may reach the network.
    os.environ.setdefault("F1_SOURCES", "openf1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(item.path.relative_to(TESTS).parts[0])
    items.sort(
        key=lambda item: (
            FIRST_FILES.index(item.path.name) if item.path.name in FIRST_FILES else len(FIRST_FILES)
        )
    )


@pytest.fixture(scope="session")
def shared_by_workers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run of the tests, the same for all workers."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if os.environ.get("PYTEST_XDIST_WORKER") else folder


@pytest.fixture(scope="session", autouse=True)
def user_cache(shared_by_workers: Path) -> None:
    """A cache directory of the user, shared by all workers: the dbt project is parsed once in a run of the tests."""
    os.environ["XDG_CACHE_HOME"] = str(shared_by_workers / "cache")


@pytest.fixture(scope="session")
def loaded_lake(shared_by_workers: Path) -> LoadedLake:
    """A lake that `f1 load` has loaded, built and published, shared by all workers: copy it before anything is written."""
    return load_once(shared_by_workers / "loaded-lake")


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """Restore the environment variables of the process after the test."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that runs during the test."""
    with Receiver() as one:
        yield one
