"""The committed dbt sources are those of the catalogue."""

from f1_lakehouse.dbt.sources import SOURCES_FILE, sources_yaml


def test_the_committed_sources_are_those_of_the_catalogue() -> None:
    assert SOURCES_FILE.read_text(encoding="utf-8") == sources_yaml(), (
        "the catalogue has changed: python -m f1_lakehouse.dbt.sources"
    )
