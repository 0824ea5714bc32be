"""What the counting PLCs hold: decides the value of every point at every read, and the registers that say it.

Each PLC counts its reads from 1. Point 0 is the count itself, so that any sample of it names the read it came from; every other
point is a function of the count. Shares no code with gateway or simulators.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

_WIDE = 256
"""Points of one read differ by their number below this, reads by the multiples of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One point of every PLC of a site."""

    name: str
    type: str
    """As the park's point list names it."""
    words: int
    layout: str
    """Of struct: the registers, most significant first; word order ABCD."""
    value: Callable[[int], float | str]
    """Count of the read → value, exact in the type."""
    dead_band: float = 0.0
    silence_s: float = 300.0
    """The longest silence; in a run without dead bands longer than the run."""
    bit: int | None = None

    @property
    def is_text(self) -> bool:
        """Whether its values are texts."""
        return self.type.startswith("string")


def ledger_points(count: int) -> tuple[Point, ...]:
    """Return `count` points that all change at every read: what is accepted and what is stored can be compared one by one."""
    return tuple(
        _KINDS[0 if number == 0 else 1 + (number - 1) % (len(_KINDS) - 1)](number) for number in range(count)
    )


def reporting_points() -> tuple[Point, ...]:
    """Return points with dead bands and silences, as a report by exception needs them; the count itself is always told."""
    return (
        _count(0),
        _double("ramp", lambda n: n * 0.25, dead_band=1.0, silence_s=60),
        _double("edge", lambda n: float(n % 3), dead_band=2.0, silence_s=60),
        _double("triangle", lambda n: abs((n * 0.5) % 20 - 10), dead_band=1.5, silence_s=1.5),
        _double("still", lambda _: 7.5, dead_band=0.0, silence_s=2.0),
        _double("jump", lambda n: 100.0 if n % 17 < 3 else 1.0, dead_band=10.0, silence_s=60),
        _double("drift", lambda n: 1000 + n * 0.01, dead_band=0.095, silence_s=3.0),
        Point(name="word", type="string:4", words=4, layout="", value=lambda n: f"read{n // 11:04d}", silence_s=60),
        Point(name="state", type="bit", words=1, layout=">H", value=lambda n: float(n // 8 % 2), bit=3, silence_s=60),
    )  # fmt: skip


def words_of(points: tuple[Point, ...], count: int) -> bytes:
    """Return the registers of a PLC at its read number `count`, as Modbus sends them."""
    return b"".join(_encode(point, count) for point in points)


def width(points: tuple[Point, ...]) -> int:
    """Return how many registers `points` take."""
    return sum(point.words for point in points)


def _encode(point: Point, count: int) -> bytes:
    value = point.value(count)
    if isinstance(value, str):
        return value.encode("ascii")
    if point.bit is not None:
        return struct.pack(">H", int(value) << point.bit)
    return struct.pack(point.layout, value if point.layout[-1] in "df" else int(value))


def _count(_: int) -> Point:
    return Point(name="count", type="uint32", words=2, layout=">I", value=float)


def _double(name: str, value: Callable[[int], float], *, dead_band: float, silence_s: float) -> Point:
    return Point(
        name=name, type="float64", words=4, layout=">d", value=value, dead_band=dead_band, silence_s=silence_s
    )


_KINDS: tuple[Callable[[int], Point], ...] = (
    _count,
    lambda k: Point(name=f"wide{k}", type="uint32", words=2, layout=">I", value=lambda n: float(n * _WIDE + k)),
    lambda k: Point(name=f"real{k}", type="float64", words=4, layout=">d", value=lambda n: n * _WIDE + k + 0.5),
    lambda k: Point(name=f"deep{k}", type="int64", words=4, layout=">q", value=lambda n: float(-(n * _WIDE + k))),
    lambda k: Point(name=f"short{k}", type="int16", words=1, layout=">h", value=lambda n: float((n * 7 + k) % 65536 - 32768)),
    lambda k: Point(name=f"float{k}", type="float32", words=2, layout=">f", value=lambda n: n % 65536 + k / 256),
    lambda k: Point(name=f"text{k}", type="string:4", words=4, layout="", value=lambda n: f"{k:02d}-{n % 100_000:05d}"),
    lambda k: Point(name=f"bit{k}", type="bit", words=1, layout=">H", value=lambda n: float(n % 2), bit=k % 16),
)  # fmt: skip
"""The first is the count; the others follow in turn."""
