"""Numbers of things in a text."""

import pytest

from f1_lakehouse.counts import counted


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1_468_369, "1,468,369 rows")]
)
def test_one_thing_has_no_plural(number: int, text: str) -> None:
    assert counted(number, "row") == text
