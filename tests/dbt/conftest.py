"""One lake for all dbt tests of a session."""

from collections.abc import Iterator

import pytest
from dbt_lake import Lake
from lake_states import LakeStates, record_states


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """An empty lake, with dbt's environment set."""
    made = Lake(tmp_path_factory.mktemp("lake"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in made.environment.items():
            patch.setenv(name, value)
        patch.chdir(made.warehouse.parent)
        yield made


@pytest.fixture(scope="session")
def states(lake: Lake) -> LakeStates:
    """The recorded states of that lake."""
    return record_states(lake)
