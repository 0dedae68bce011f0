"""The settings of an empty lake."""

from pathlib import Path

import pytest

from f1_lakehouse.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an empty lake without receivers."""
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(tmp_path / "lake"))
    return Settings()
