"""Small functions with an answer that is known."""

from itertools import pairwise
from typing import Any

import orjson
import pytest

from f1_lakehouse.site.charts import Style, cut_note, packed, spans, spread
from f1_lakehouse.site.colours import DARK, FIXED, LIGHT, contrast, readable
from f1_lakehouse.site.page import as_json, lap_time, number, race_time, signed
from f1_lakehouse.site.sections.corners import distances, map_labels, map_rotation
from f1_lakehouse.site.sections.pace import quartiles
from f1_lakehouse.site.sections.telemetry import _curves, at, track_figure
from f1_lakehouse.site.sections.trends import trend_figure


@pytest.mark.parametrize(
    "colour", ["FFFFFF", "000000", "FFF500", "0000FF", "B6BABD", "27F4D2", "3671C6", *FIXED.values()]
)
@pytest.mark.parametrize("background", [LIGHT, DARK])
def test_color_has_enough_contrast_with_the_page(colour, background):
    assert contrast(readable(colour, background), background) >= 3


def test_color_with_enough_contrast_is_unchanged():
    assert readable("3671C6", LIGHT) == "#3671c6"


@pytest.mark.parametrize("colour", [None, "", "red", "12345", "FF8000;}"])
def test_invalid_color_becomes_grey(colour):
    assert readable(colour, LIGHT) == "#808080"


def test_contrast_is_that_of_wcag():
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#ffffff", "#767676") == pytest.approx(4.54, abs=0.01)


def test_format_of_times_and_differences():
    assert [lap_time(s) for s in (94.486, 54.3214, 59.9996, 119.9999, None)] == [
        "1:34.486",
        "54.321",
        "1:00.000",
        "2:00.000",
        "–",
    ]
    assert race_time(6052.571) == "1:40:52.571"
    assert [number(v, 1) for v in (-0.04, 0.04, -0.06, None)] == ["0.0", "0.0", "−0.1", "–"]
    assert [signed(v, 3) for v in (0.123, -0.5, 0.0, -0.0001, None)] == [
        "+0.123",
        "−0.500",
        "0.000",
        "0.000",
        "–",
    ]


def test_spans_are_runs_of_consecutive_laps():
    status = {1: "SC", 2: "SC", 3: "Green", 4: "SC", 6: "SC", 7: None}
    assert spans(status, ["SC"]) == [("SC", 1, 2), ("SC", 4, 4), ("SC", 6, 6)]


def test_labels_keep_their_distance_and_their_order():
    placed = spread([1.0, 1.1, 1.2, 9.0], 1.0)
    assert placed[3] == 9.0
    assert all(b - a >= 0.98 for a, b in pairwise(placed))


def test_curve_is_interpolated_and_constant_beyond_its_ends():
    curve = [(0.0, 0.0), (10.0, 5.0), (10.0, 6.0), (20.0, 7.0)]
    assert [at(curve, x) for x in (-1, 0, 4, 10, 15, 30)] == [0, 0, 2, 5, 6.5, 7]


def test_quartiles_are_those_of_linear_interpolation():
    assert quartiles([1.0]) == (1, 1, 1)
    assert quartiles([1, 2, 3, 4]) == (1.75, 2.5, 3.25)


def test_integers_are_packed_and_missing_values_stay_a_list():
    assert packed([1, 2, 3]) == {"dtype": "i1", "bdata": "AQID"}
    assert packed([1, 300])["dtype"] == "i2"
    assert packed([1, None, 3]) == [1, None, 3]
    assert packed([1, 40_000]) == [1, 40_000]


def test_gap_between_two_laps_is_zero_at_the_start_and_exact_at_the_end():
    def lap(seconds: float, top: float) -> tuple[dict, list[dict]]:
        samples = [
            {"lap_elapsed_s": t, "lap_distance_m": t * top / 3.6, "speed": top}
            for t in (0.2, 30.0, 60.0, seconds - 0.15)
        ]
        return {"fastest_lap_time": seconds}, samples

    (_, one), (_, two) = _curves([lap(90.0, 200), lap(91.5, 196)])
    assert one[0] == two[0] == (0, 0)
    assert one[-1][0] == two[-1][0] == pytest.approx(5000)
    assert two[-1][1] - one[-1][1] == pytest.approx(1.5)
    assert at(two, 2500) - at(one, 2500) == pytest.approx(0.75, abs=0.01)


def _corner(
    label: str, x: float | None, y: float, angle: float | None, rotation: float | None = None
) -> dict[str, Any]:
    return {
        "corner_label": label,
        "position_x": x,
        "position_y": y,
        "label_angle": angle,
        "track_rotation": rotation,
    }


def test_map_is_turned_counter_clockwise_with_its_corners_and_only_if_the_rotation_is_known():
    lap = [
        {"position_x": 1000.0 * x, "position_y": 1000.0 * y, "speed": 200}
        for x, y in ((1, 0), (2, 0), (2, 1), (1, 1))
    ]
    # The first corner has no place; the number of the second is beyond it, away from the track, before and after the turn.
    corners = [_corner("0", None, 0.0, None), _corner("1", 2000.0, 0.0, 0.0, 90.0)]
    assert map_rotation(corners) == 90
    (track, line), layout = track_figure(lap, corners)[0]
    assert (track["x"], track["y"]) == ([0, 0, -100, -100, 0], [100, 200, 200, 100, 100])
    assert (line["x"], line["y"]) == ([0], [100])
    number, name = layout["annotations"]
    assert (number["x"], number["y"], number["text"]) == (0, 200, "1")
    assert (number["xshift"], number["yshift"]) == (0, 13)
    assert "textangle" not in number
    assert (name["text"], name["x"], name["y"]) == ("Line", 0, 100)
    # across the line from (-100, 100) to (0, 200), away from the middle of the map
    assert name["xshift"] > 0 > name["yshift"]
    assert layout["xaxis"]["title"]["text"] == "m"
    (track, *_), layout = track_figure(lap, [_corner("1", 2000.0, 0.0, 0.0)])[0]
    assert (track["x"], track["y"]) == ([100, 200, 200, 100, 100], [0, 0, 100, 100, 0])
    assert layout["xaxis"]["title"]["text"] == "East of the origin, m"


def test_gap_beyond_the_axis_is_said_and_its_line_has_no_name():
    gaps = {team: [(1, 0.0), (2, gap)] for team, gap in (("a", 0.0), ("b", 1.0), ("c", 40.0))}
    styles = {team: Style(team, f"Team {team}", team) for team in gaps}
    _, layout = trend_figure(gaps, styles, [1, 2])
    limit = layout["yaxis"]["range"][0]
    assert 1 < limit < 40
    assert [key for key, *_ in layout["meta"]["ends"]] == ["a", "b"]
    assert cut_note([0.0, 1.0, 40.0], limit, "%") == f" Gaps over {limit:.3g} % are not drawn."
    assert cut_note([0.0, 1.0], limit, "%") == ""


def test_corner_is_drawn_where_the_lap_is_nearest_to_it():
    lap = [{"position_x": 100 * i, "position_y": 0, "lap_distance_m": 11.0 * i} for i in range(10)]
    lap.insert(3, {"position_x": None, "position_y": None, "lap_distance_m": 30.0})
    corners = [
        _corner("1", 210.0, 50.0, 90.0),
        _corner("2A", 500.0, -1500.0, None),
        _corner("3", None, 0.0, 0.0),
    ]
    assert distances(corners, lap) == [(22.0, "1")]
    assert distances(corners, []) == []
    found = [[one[key] for key in ("text", "x", "y", "xshift", "yshift")] for one in map_labels(corners)]
    assert found == [["1", 21, 5, 0, 13], ["2A", 50, -150, 13, 0]]
    assert map_labels([]) == []


def test_the_json_of_a_chart_cannot_end_its_script_element():
    text = "</script><!--\u2028&\u2029"
    written = str(as_json({"data": [{"name": text}]}))
    assert not set("<>&\u2028\u2029") & set(written)
    assert orjson.loads(written)["data"] == [{"name": text}]
