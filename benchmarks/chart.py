"""Draws a few lines over a logarithmic axis as SVG; it knows nothing of what they mean."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 28, 52
COLOURS = ("#1f5f8b", "#b3541e", "#3f7d3a", "#6b4c9a")


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line."""

    name: str
    points: Sequence[tuple[float, float, str]]
    """x > 0, y ≥ 0, and what is written at the point."""


def chart(series: Sequence[Series], *, x: str, y: str) -> str:
    """Return the drawing: x logarithmic, y from nought."""
    xs = [point[0] for line in series for point in line.points]
    ys = [point[1] for line in series for point in line.points]
    low, high = math.log10(min(xs)), math.log10(max(xs))
    span = high - low or 1.0
    step = _step(max(*ys, 1e-9))
    top = step * math.ceil(max(*ys, 1e-9) / step)

    def across(value: float) -> float:
        return LEFT + (math.log10(value) - low) / span * (WIDTH - LEFT - RIGHT)

    def down(value: float) -> float:
        return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="{TOP - 12}" fill="#444444">{escape(y)}</text>',
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 10}" fill="#444444" text-anchor="end">{escape(x)}</text>',
    ]
    for number in range(round(top / step) + 1):
        at = down(number * step)
        lines.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>')
        lines.append(
            f'<text x="{LEFT - 8}" y="{at + 4:.1f}" fill="#444444" text-anchor="end">{number * step:g}</text>'
        )
    for value in sorted(set(xs)):
        place = f'x="{across(value):.1f}" y="{HEIGHT - BOTTOM + 18}"'
        lines.append(f'<text {place} fill="#444444" text-anchor="middle">{value:,.0f}</text>')
    for line, colour in zip(series, COLOURS, strict=False):
        lines += _drawn(
            line,
            [(across(px), down(py), text) for px, py, text in line.points],
            colour,
            named=len(series) > 1,
        )
    return "\n".join([*lines, "</svg>", ""])


def _drawn(
    line: Series, places: Sequence[tuple[float, float, str]], colour: str, *, named: bool
) -> Iterator[str]:
    path = "L".join(f"{px:.1f} {py:.1f}" for px, py, _ in places)
    yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for px, py, text in places:
        yield f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3.5" fill="{colour}"/>'
        yield f'<text x="{px:.1f}" y="{py - 9:.1f}" fill="{colour}" text-anchor="middle">{escape(text)}</text>'
    if named and places:
        px, py, _ = places[-1]
        yield f'<text x="{px:.1f}" y="{py + 18:.1f}" fill="{colour}" text-anchor="end">{escape(line.name)}</text>'


def _step(most: float) -> float:
    """Return a round distance of the rulings: four to eight of them."""
    size = 10.0 ** math.floor(math.log10(most))
    return next(size * part for part in (0.1, 0.2, 0.25, 0.5, 1.0, 2.0) if most / (size * part) <= 8)
