"""The data area of an HJ 212 frame (CP): its parameters and, by factor code, its fields; says nothing of what they mean."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

from wire.hj212 import Deviation

CHINA: Final = timezone(timedelta(hours=8))
"""China standard time, in which every time of the standard is written; it has no summer time."""
TEXT = "//"
"""Encloses text that may contain the separators (6.3.3)."""

_FIELDS = (
    "Rtd", "Min", "Avg", "Max", "Cou", "ZsRtd", "ZsMin", "ZsAvg", "ZsMax", "Flag", "EFlag", "SampleTime", "RS", "RT",
    "Info", "SN", "Ala", "UpValue", "LowValue", "Data", "DayData", "NightData",
)  # fmt: skip
FIELDS = frozenset(_FIELDS)
"""Suffixes of a factor's code (table 8 of the standard, and those of 2005)."""
_FIELD_NAMES = {name.lower(): name for name in _FIELDS}

_PARAMETERS = (
    "DataTime", "BeginTime", "EndTime", "PolId", "QnRtn", "ExeRtn", "SystemTime", "RtdInterval", "MinInterval",
    "OverTime", "ReCount", "RestartTime", "NewPW",
)  # fmt: skip
_PARAMETER_NAMES = {name.lower(): name for name in _PARAMETERS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A data area, read."""

    parameters: Mapping[str, str]
    """DataTime, QnRtn, BeginTime …"""
    factors: Mapping[str, Mapping[str, str]]
    """Code → field → text, in the order written."""
    deviations: tuple[Deviation, ...]


def read_body(cp: str) -> Body:
    """Return what `cp` says. A factor's fields belong together by its code, whichever separator stands between them."""
    parameters: dict[str, str] = {}
    factors: dict[str, dict[str, str]] = {}
    found: list[Deviation] = []
    last: tuple[dict[str, str], str] | None = None
    for pair in _pairs(cp):
        name, equals, value = pair.partition("=")
        if not equals:
            # Part of the value before, such as a decimal comma: half a number is worse than none.
            found.append(Deviation.FIELD_BAD)
            if last is not None:
                last[0][last[1]] += f",{pair}"
            continue
        code, dash, written = name.strip().partition("-")
        if not dash:
            wanted = _PARAMETER_NAMES.get(code.lower(), code)
            if wanted != code:
                found.append(Deviation.FIELD_CASE)
            last = _put(parameters, wanted, value.strip(), found)
            continue
        field = _FIELD_NAMES.get(written.lower(), written)
        if field != written:
            found.append(Deviation.FIELD_CASE)
        last = _put(factors.setdefault(code, {}), field, value.strip(), found)
    return Body(parameters=parameters, factors=factors, deviations=tuple(dict.fromkeys(found)))


def write_body(parameters: Mapping[str, str], factors: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """Return the data area: one item a parameter, one a factor with its fields joined by commas."""
    items = [f"{name}={value}" for name, value in parameters.items()]
    for code, fields in (factors or {}).items():
        items.append(",".join(f"{code}-{field}={value}" for field, value in fields.items()))
    return ";".join(items)


def read_time(text: str) -> int | None:
    """Return yyyyMMddHHmmss, China standard time, as UTC milliseconds; milliseconds may follow; None: it is no time."""
    if not (text.isascii() and text.isdigit() and len(text) in {14, 17}):
        return None
    try:
        moment = datetime(
            int(text[:4]), int(text[4:6]), int(text[6:8]), int(text[8:10]), int(text[10:12]), int(text[12:14]),
            tzinfo=CHINA,
        )  # fmt: skip
    except ValueError:
        return None
    return round(moment.timestamp()) * 1000 + int(text[14:] or 0)


def write_time(at_ms: int, *, is_fine: bool = False) -> str:
    """Return UTC milliseconds as yyyyMMddHHmmss in China standard time, with the milliseconds behind if `is_fine`."""
    text = datetime.fromtimestamp(at_ms // 1000, tz=CHINA).strftime("%Y%m%d%H%M%S")
    return f"{text}{at_ms % 1000:03d}" if is_fine else text


def _put(into: dict[str, str], name: str, value: str, found: list[Deviation]) -> tuple[dict[str, str], str]:
    """Note a value, the first one if there are two; return where it stands."""
    if name in into and into[name] != value:
        found.append(Deviation.FIELD_TWICE)
    into.setdefault(name, value)
    return into, name


def _pairs(cp: str) -> Iterator[str]:
    """Yield the `name=value` parts; separators between two `//` belong to the text."""
    start, place, is_text = 0, 0, False
    while place < len(cp):
        if cp.startswith(TEXT, place):
            is_text = not is_text
            place += len(TEXT)
            continue
        if cp[place] in ";," and not is_text:
            if part := cp[start:place].strip():
                yield part
            start = place + 1
        place += 1
    if part := cp[start:].strip():
        yield part
