"""The drawing of a benchmark: whatever the figures, it is sound XML with a few rulings and everything inside its frame."""

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.chart import HEIGHT, WIDTH, Series, chart

SVG = "{http://www.w3.org/2000/svg}"
figures = st.floats(0, 1e9, allow_nan=False) | st.floats(0.1, 20.0)
places = st.lists(
    st.tuples(st.floats(1, 1e6), figures, st.text("a<&>\"'10 PLCs", max_size=8)), min_size=1, max_size=9
)


@given(st.lists(places, min_size=1, max_size=3))
def test_any_figures_make_a_drawing(lines: list[list[tuple[float, float, str]]]) -> None:
    drawn = chart(
        [Series(name=f"<{number}>", points=points) for number, points in enumerate(lines)], x="x & y", y="s"
    )
    root = ET.fromstring(drawn)
    circles = root.findall(f"{SVG}circle")
    assert len(circles) == sum(map(len, lines))
    for circle in circles:
        assert 0 <= float(circle.attrib["cx"]) <= WIDTH
        assert 0 <= float(circle.attrib["cy"]) <= HEIGHT
    rulings = [path for path in root.findall(f"{SVG}path") if "stroke-width" not in path.attrib]
    assert 2 <= len(rulings) <= 12
