"""Charts: every number lies where it should, nothing of a name becomes markup, and gaps stay gaps."""

import itertools
import math
import re
import xml.etree.ElementTree as ET

import pytest

from fulgurite.reports.chart import Band, Chart, Interval, Level, Line, Stairs
from fulgurite.reports.chart_table import table
from fulgurite.reports.scale import linear, logarithmic, named, short
from fulgurite.reports.svg import BOTTOM, HEIGHT, LEFT, MOST_POINTS, RIGHT, TOP, WIDTH, draw

FLOOR, CEILING, START, END = HEIGHT - BOTTOM, TOP, LEFT, WIDTH - RIGHT


def drawn(chart: Chart) -> ET.Element:
    return ET.fromstring(draw(chart))


def path(chart: Chart, style: str = "line") -> list[tuple[float, float]]:
    words = next(one.get("d", "") for one in drawn(chart).iter("path") if one.get("class") == style)
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([-\d.]+) ([-\d.]+)", words)]


def test_a_line_lies_where_its_numbers_are() -> None:
    chart = Chart("t", "x", [Line("a", [0, 50, 100], [0.0, 1.0, 0.5])], within=(0.0, 1.0))
    middle = (START + END) / 2, (FLOOR + CEILING) / 2
    assert path(chart) == [(START, FLOOR), (middle[0], CEILING), (END, middle[1])]


def test_a_logarithmic_axis_has_equal_steps_for_equal_factors() -> None:
    chart = Chart("t", "k", [Line("a", [1, 2, 4, 8], [1.0, 10.0, 100.0, 1000.0])], log=True, x_named=[1, 2, 4, 8])
    points = path(chart)
    across, up = ({round(b[i] - a[i]) for a, b in itertools.pairwise(points)} for i in (0, 1))
    assert len(across) == 1
    assert max(up) - min(up) <= 1
    names = [one.text for one in drawn(chart).iter("text")]
    assert {"1", "2", "4", "8", "k", "10", "100"} <= set(names)


def test_what_is_not_finite_is_a_gap() -> None:
    text = draw(Chart("t", "x", [Line("a", [0, 1, 2, 3], [0.0, math.nan, 1.0, 2.0])]))
    assert len(re.findall(r'class="line" d="M[^"]*M', text)) == 1
    assert "nan" not in text
    assert text.count("<circle") == 3


def test_a_band_goes_there_and_back() -> None:
    chart = Chart("t", "x", [Band("b", [0, 10], [0.0, 0.0], [1.0, 1.0])], within=(0.0, 1.0))
    assert path(chart, "fill") == [(START, CEILING), (END, CEILING), (END, FLOOR), (START, FLOOR)]


def test_names_are_escaped_wherever_they_stand() -> None:
    bad = "<script>alert(\"&')</script>"
    layers = [Line(bad, [0], [1.0]), Level(bad, 2.0), Band(bad, [0, 1], [0, 0], [1, 1]), Stairs(bad, [0, 1], [1.0])]
    for chart in (Chart(bad, bad, layers), Chart(bad, bad, [Interval(bad, 1.0, 0.0, 2.0, [1.0])])):
        assert "<script" not in draw(chart)
        drawn(chart)  # well-formed


def test_a_long_line_is_thinned_and_keeps_its_ends() -> None:
    many = [float(i) for i in range(10_000)]
    points = path(Chart("t", "x", [Line("a", many, many)]))
    assert len(points) == MOST_POINTS
    assert (points[0][0], points[-1][0]) == (START, END)


@pytest.mark.parametrize("values", [[], [0.0], [5.0, 5.0], [-1e-12, 1e-12], [1e12, 3e12], [-3.0, -1.0]])
def test_axes_have_room_and_round_ticks(values: list[float]) -> None:
    scale = linear(values)
    assert scale.low < scale.high
    assert all(scale.low <= value <= scale.high for value in values)
    assert 2 <= len(scale.ticks) <= 12


def test_ticks_and_names() -> None:
    assert linear((), within=(0.0, 1.0)).ticks == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert logarithmic([0.01, 1000]).ticks == pytest.approx([0.01, 0.1, 1, 10, 100, 1000])
    assert named([3]).share(3) == pytest.approx(0.5)
    said = [short(v) for v in (-1215, 0, 0.05, 12_345, 2e6, 3e-7, 2000)]
    assert said == ["\N{MINUS SIGN}1215", "0", "0.05", "12.35k", "2M", "3e\N{MINUS SIGN}07", "2000"]


def test_the_table_has_the_chart_s_numbers() -> None:
    layers = [Line("a", [1, 2], [0.5, math.nan]), Line("seed", [1], [9.0], thin=True), Level("l", 3.0)]
    assert table(Chart("t", "steps", layers)) == [["steps", "a"], ["1", "0.5"], ["2", ""]]
    assert table(Chart("t", "steps", [Level("l", 3.0)])) is None
