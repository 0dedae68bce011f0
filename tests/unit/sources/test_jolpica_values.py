"""Texts of responses as values of columns."""

from typing import Any

import pytest

from f1_lakehouse.sources.jolpica.values import duration_s, integer, number, text


@pytest.mark.parametrize(
    ("convert", "served", "value"),
    [
        (integer, "57", 57),
        (integer, "0", 0),
        (integer, "-1", -1),
        (integer, "", None),
        (integer, "None", None),
        (integer, None, None),
        (number, "4.5", 4.5),
        (number, "-80.2389", -80.2389),
        (number, "26", 26.0),
        (number, "None", None),
        (text, "", None),
        (text, "R", "R"),
        (duration_s, "1:29.708", 89.708),
        (duration_s, "25.636", 25.636),
        (duration_s, "23:05.070", 1385.07),
        (duration_s, "1:02:03.5", 3723.5),
        (duration_s, "0.000", 0.0),
    ],
)
def test_text_becomes_a_value(convert: Any, served: Any, value: Any) -> None:
    assert convert(served) == value
    assert type(convert(served)) is type(value)


@pytest.mark.parametrize("served", ["", "25", "20", "1:23", "16:44", "1:02:03"])
def test_duration_without_fraction_has_no_value_because_the_service_cut_it(served: str) -> None:
    assert duration_s(served) is None


@pytest.mark.parametrize(
    ("convert", "served"),
    [
        (integer, "5.5"), (integer, "abc"), (integer, "1" * 40), (integer, "٣"), (number, "1e5"), (number, "NaN"),
        (number, "Infinity"), (duration_s, "+5.384"), (duration_s, "1:2:3:4.5"), (duration_s, "soon"),
    ],
)  # fmt: skip
def test_text_that_is_not_understood_is_left_for_the_quarantine(convert: Any, served: str) -> None:
    assert convert(served) == served


@pytest.mark.parametrize("convert", [integer, number, duration_s])
@pytest.mark.parametrize("served", [5, 5.5, True, [], {}])
def test_value_of_another_type_is_not_changed(convert: Any, served: Any) -> None:
    assert convert(served) is served
