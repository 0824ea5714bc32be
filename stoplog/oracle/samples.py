"""Holds what gateways accepted against what the store has: every sample once, with its value, or in quarantine."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from domain.errors import RemoteProtocolError
from domain.quality import Quality
from domain.sample import Value
from stoplog.oracle.segments import Entry, read_segment, segments
from wire.sparkplug import decode, payload_uuid

Key = tuple[str, int]
"""(point reference, observed ms)."""


@dataclass(slots=True, kw_only=True)
class Accepted:
    """What the journals say was accepted."""

    samples: dict[Key, tuple[Value | None, Quality]] = field(default_factory=dict)
    payloads: int = 0
    count: int = 0
    """Samples, each payload counted once."""
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What the store and the quarantine say."""

    samples: Mapping[Key, tuple[Value | None, Quality]]
    duplicated: int
    """Samples that stand more than once in the store."""
    redelivered: int
    """Samples that came again and were recognised."""
    conflicts: int
    """Samples that came with another value for an existing key: each counts as a loss."""
    quarantined: int


def read_accepted(folders: Iterable[Path]) -> Accepted:
    """Read every sample payload in the segments of `folders`, each (gateway, epoch, offset) once."""
    accepted = Accepted()
    seen: set[tuple[str, str, int]] = set()
    for path in (path for folder in folders for path in segments(folder)):
        try:
            for entry in read_segment(path):
                name = (entry.gateway, entry.epoch, entry.offset)
                if name not in seen:
                    seen.add(name)
                    _count(entry, accepted)
        except RemoteProtocolError as error:
            accepted.problems.append(str(error))
    return accepted


def compare(accepted: Accepted, stored: Stored) -> list[str]:
    """Return what does not agree; empty when every accepted sample is in store or quarantine exactly once."""
    problems = list(accepted.problems)
    missing = [key for key in accepted.samples if key not in stored.samples]
    if len(missing) > stored.quarantined:
        problems.append(
            f"{len(missing)} accepted samples are not in the store ({stored.quarantined} in quarantine), e.g. {missing[0]}"
        )
    strange = [key for key in stored.samples if key not in accepted.samples]
    if strange:
        problems.append(f"{len(strange)} stored samples were never accepted, e.g. {strange[0]}")
    changed = [
        key for key, said in accepted.samples.items() if key in stored.samples and stored.samples[key] != said
    ]
    if changed:
        key = changed[0]
        problems.append(
            f"{len(changed)} samples were stored with another value or quality, e.g. {key}: "
            f"accepted {accepted.samples[key]}, stored {stored.samples[key]}"
        )
    if stored.conflicts:
        problems.append(f"{stored.conflicts} samples came with another value for a key that was there")
    if stored.duplicated:
        problems.append(f"{stored.duplicated} samples stand more than once in the store")
    if len(stored.samples) + stored.quarantined != accepted.count:
        problems.append(
            f"stored {len(stored.samples)} + quarantined {stored.quarantined} is not accepted {accepted.count}"
        )
    return problems


def _count(entry: Entry, accepted: Accepted) -> None:
    payload = decode(entry.payload)
    if payload.uuid != payload_uuid(entry.epoch, entry.offset):
        accepted.problems.append(f"payload {entry.epoch}-{entry.offset} calls itself {payload.uuid}")
    accepted.payloads += 1
    for metric in payload.metrics:
        key = (metric.name, metric.timestamp_ms or 0)
        if key in accepted.samples:
            accepted.problems.append(f"{key} was accepted twice")
        accepted.samples[key] = (_number(metric.value), metric.quality)
        accepted.count += 1


def _number(value: Value | None) -> Value | None:
    """Return the value as a store keeps it: states are 0 and 1."""
    return float(value) if isinstance(value, bool | int) else value
