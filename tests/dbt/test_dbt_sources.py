"""The committed dbt sources equal the catalog."""

from f1_lakehouse.dbt.sources import SOURCES_FILE, sources_yaml


def test_committed_dbt_sources_equal_the_catalog() -> None:
    assert SOURCES_FILE.read_text(encoding="utf-8") == sources_yaml(), (
        "the catalog has changed; run python -m f1_lakehouse.dbt.sources"
    )
