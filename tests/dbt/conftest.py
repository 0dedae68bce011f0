"""Lakes that many dbt tests read: one of handwritten rows in several states, and one for each recorded season."""

import pytest
from dbt_lake import Lake
from lake_states import LakeStates, record_states
from recorded_season import Season, load_season


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """An empty lake."""
    return Lake(tmp_path_factory.mktemp("lake"))


@pytest.fixture(scope="session")
def states(lake: Lake) -> LakeStates:
    """The recorded states of that lake."""
    return record_states(lake)


@pytest.fixture(scope="session", params=[2023, 2024, 2025])
def season(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Season:
    """The recorded sessions of a season."""
    return load_season(request.param, tmp_path_factory.mktemp("season"))
