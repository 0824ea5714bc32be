"""`stoplog journal inspect`: what a gateway's journals hold, which of it is damaged or torn, and single payloads in words.

It reads only, by the format's description, and takes the folder of a gateway that runs or is dead.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from domain.errors import RemoteProtocolError
from runtime.exits import Exit
from stoplog.oracle.payloads import in_words
from stoplog.oracle.segments import Entry, Flaw, Run, segments, walk

_PACKINGS = {0: "plain", 1: "deflated", 2: "packed"}


@dataclass(slots=True, kw_only=True)
class Finding:
    """What one segment holds."""

    file: str
    bytes: int
    gateway: str = ""
    epoch: str = ""
    number: int = 0
    packing: str = ""
    created_ms: int = 0
    first_offset: int = 0
    payloads: int = 0
    last_offset: int = 0
    last_ms: int | None = None
    """Latest time of an append."""
    damaged: list[tuple[int, int]] = field(default_factory=list)
    """First and last offset of what cannot be read."""
    torn_bytes: int = 0
    """Bytes behind the last whole payload: the tail of a power cut or of a full disk, or being written just now."""
    fault: str | None = None
    """Why nothing of it can be read."""

    def flaws(self) -> str:
        """Say what is wrong with it; empty when nothing is."""
        words = [f"damaged: offsets {first}–{last}" for first, last in self.damaged]
        if self.torn_bytes:
            words.append(f"torn: {self.torn_bytes} bytes behind the last whole payload")
        return "; ".join(words if self.fault is None else [self.fault])


def inspect(places: Sequence[Path], *, as_json: bool = False, payload: str | None = None) -> int:
    """Print what is found, or the one payload named `<epoch>-<offset>` (the epoch may be cut short).

    Returns 0; 65 when there is no segment, one is damaged or cannot be read, or the payload is not there. A torn tail is no
    fault: every power cut leaves one.
    """
    paths = [path for place in places for path in _segments(place)]
    if not paths:
        sys.stderr.write(f"no journal segments (*.journal) in {', '.join(map(str, places))}\n")
        return Exit.PARK
    if payload is not None:
        return _one(paths, payload, as_json=as_json)
    findings = [_find(path) for path in paths]
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _table(findings)
    is_whole = all(finding.fault is None and not finding.damaged for finding in findings)
    return Exit.OK if is_whole else Exit.PARK


def _segments(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    return [*segments(place), *segments(place / "samples"), *segments(place / "records")]


def _find(path: Path) -> Finding:
    finding = Finding(file=str(path), bytes=path.stat().st_size)
    try:
        head, items = walk(path, in_runs=True)
        finding.gateway, finding.epoch, finding.number = head.gateway, head.epoch, head.number
        finding.packing, finding.created_ms = _PACKINGS[head.packing], head.created_ms
        finding.first_offset = head.first_offset
        for item in items:
            _count(item, finding)
    except (RemoteProtocolError, OSError) as error:
        finding.fault = str(error)
    return finding


def _count(item: Entry | Run | Flaw, finding: Finding) -> None:
    match item:
        case Entry():
            finding.payloads += 1
            finding.last_ms, finding.last_offset = item.appended_ms, item.offset
        case Run():
            finding.payloads += item.count
            finding.last_ms, finding.last_offset = item.last_ms, item.first_offset + item.count - 1
        case Flaw(offsets=None):
            finding.torn_bytes += item.bytes
        case Flaw(offsets=offsets):
            assert offsets is not None
            finding.damaged.append(offsets)


def _table(findings: Sequence[Finding]) -> None:
    rows = [("segment", "kind", "payloads", "offsets", "bytes", "begun (UTC)", "last (UTC)", "")]
    rows += [
        (
            f"{finding.epoch[:8]}…-{finding.number:08d}" if finding.epoch else Path(finding.file).name,
            finding.packing,
            str(finding.payloads),
            f"{finding.first_offset}–{finding.first_offset + finding.payloads - 1}"
            if finding.payloads
            else "",
            str(finding.bytes),
            _time(finding.created_ms) if finding.epoch else "",
            _time(finding.last_ms),
            finding.flaws(),
        )
        for finding in findings
    ]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    payloads, size = sum(item.payloads for item in findings), sum(item.bytes for item in findings)
    gateways = ", ".join(sorted({item.gateway for item in findings if item.gateway}))
    print(f"{len(findings)} segments of {gateways}: {payloads} payloads, {size} bytes")


def _one(paths: Sequence[Path], name: str, *, as_json: bool) -> int:
    epoch, _, offset = name.rpartition("-")
    if not offset.isdigit():
        sys.stderr.write(f"{name!r} names no payload: give <epoch>-<offset>, or the offset alone\n")
        return Exit.USAGE
    found = list(_named(paths, epoch, int(offset)))
    for entry in found:
        words = in_words(entry)
        if as_json:
            print(json.dumps(words, indent=2, ensure_ascii=False))
        else:
            print(_text(words))
    if not found:
        sys.stderr.write(f"no payload {name} in {len(paths)} segments\n")
    return Exit.OK if found else Exit.PARK


def _named(paths: Sequence[Path], epoch: str, offset: int) -> Iterator[Entry]:
    for path in paths:
        if not path.name.startswith(epoch):
            continue
        try:
            _, items = walk(path)
            yield from (item for item in items if isinstance(item, Entry) and item.offset == offset)
        except RemoteProtocolError as error:
            sys.stderr.write(f"{error}\n")


def _text(words: dict[str, object]) -> str:
    lines = [f"{key}: {value}" for key, value in words.items() if key != "metrics"]
    metrics = words.get("metrics")
    if isinstance(metrics, list):
        lines += [
            f"  {item['point']:32} {item['value']!s:>20} {item['quality']:10} {_time(item['time_ms'])}  {item['reason'] or ''}".rstrip()
            for item in metrics
        ]
    return "\n".join(lines)


def _time(at_ms: int | None) -> str:
    if at_ms is None:
        return ""
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
