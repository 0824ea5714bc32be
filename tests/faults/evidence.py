"""What a run leaves behind, read back: the journals, the store, the PLCs' own log; it judges nothing."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from domain.ids import PointRef
from domain.quality import Quality, Reason
from domain.sample import Value
from ingest.quarantine import read_quarantine
from ingest.texts import TextRow, read_texts
from stoplog.oracle.segments import read_segment, segments
from stores.open import open_history
from stores.port import Row
from stores.settings import StoreSettings
from tests.faults.registers import Point
from tests.faults.served import Read, read_served
from tests.faults.site import PARK, Site, facility
from wire.sparkplug import decode, payload_uuid

AROUND_MS = 2 * 86_400_000
"""Stored samples are looked for this far around the present: clocks step by hours."""


class Fact(NamedTuple):
    """What is said of one point at one time."""

    value: Value | None
    quality: Quality
    reason: Reason | None


class Sample(NamedTuple):
    """One sample as one side has it."""

    point: str
    """`facility/point`."""
    at_ms: int
    fact: Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """One accepted payload."""

    epoch: str
    offset: int
    uuid: str | None
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Both sides of a run."""

    points: tuple[Point, ...]
    plcs: int
    accepted: tuple[Payload, ...]
    """What the journals hold, in the order of epoch and offset within it; each payload once."""
    stored: tuple[Sample, ...]
    quarantined: int
    """Samples in quarantine; in these runs nothing deserves it."""
    served: tuple[Read, ...]


def read_evidence(site: Site, *, now_ms: int, journal: Path | None = None) -> Evidence:
    """Read everything; `journal` is where the journal's folder was copied to, when its disk is gone."""
    return Evidence(
        points=site.points,
        plcs=len(site.plc_ports),
        accepted=read_accepted(site, journal=journal),
        stored=asyncio.run(_stored(site, now_ms)),
        quarantined=read_quarantine(site.own_database).samples,
        served=tuple(read_served(site.served)),
    )


def read_accepted(site: Site, *, journal: Path | None = None) -> tuple[Payload, ...]:
    """Return every payload in the journals and in the freed segments, each (epoch, offset) once."""
    found: dict[tuple[str, int], Payload] = {}
    for folder in ((journal or site.journal) / "samples", site.freed / "samples"):
        for path in segments(folder):
            for payload in _payloads(path):
                found.setdefault((payload.epoch, payload.offset), payload)
    return tuple(found[key] for key in sorted(found))


def is_as_named(payload: Payload) -> bool:
    """Whether the payload calls itself by the name under which the journal keeps it."""
    return payload.uuid == payload_uuid(payload.epoch, payload.offset)


def _payloads(path: Path) -> Iterator[Payload]:
    for entry in read_segment(path):
        payload = decode(entry.payload)
        yield Payload(
            epoch=entry.epoch,
            offset=entry.offset,
            uuid=payload.uuid,
            samples=tuple(
                Sample(m.name, m.timestamp_ms or 0, Fact(_number(m.value), m.quality, m.reason))
                for m in payload.metrics
            ),
        )


async def _stored(site: Site, now_ms: int) -> tuple[Sample, ...]:
    history = open_history(StoreSettings.model_validate(site.store_settings), park=PARK)
    try:
        found: list[Sample] = []
        from_ms, to_ms = now_ms - AROUND_MS, now_ms + AROUND_MS
        for name, is_text in _names(site):
            rows: Sequence[Row | TextRow] = (
                read_texts(site.own_database, name, from_ms=from_ms, to_ms=to_ms)
                if is_text
                else await history.raw(name, from_ms=from_ms, to_ms=to_ms)
            )
            found += [Sample(name, row.observed_ms, Fact(row.value, row.quality, row.reason)) for row in rows]
        return tuple(found)
    finally:
        await history.close()


def _names(site: Site) -> Iterator[tuple[PointRef, bool]]:
    """Yield every point of the site, and whether its values are texts, which ingest keeps itself."""
    for plc in range(len(site.plc_ports)):
        for point in site.points:
            yield PointRef(f"{facility(plc)}/{point.name}"), point.is_text


def _number(value: Value | int | None) -> Value | None:
    """Return the value as a store keeps it: states are 0 and 1."""
    return float(value) if isinstance(value, bool | int) else value
