"""Judges a run: every accepted sample is stored once and unchanged, and every accepted read was served, once, at its time.

Pure: evidence in, findings out.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from domain.quality import Quality, Reason
from tests.faults.clocks import ClockModel
from tests.faults.evidence import Evidence, Fact, Payload, Sample, is_as_named
from tests.faults.registers import Point
from tests.faults.served import Read
from tests.faults.site import facility

Key = tuple[str, int]
"""(point, time)."""


class Wrong(StrEnum):
    LOST = "accepted and not stored"
    DOUBLED = "stored twice"
    CHANGED = "stored otherwise than accepted"
    INVENTED = "stored and never accepted"
    QUARANTINED = "in quarantine without a reason"
    ACCEPTED_TWICE = "accepted twice at one time"
    MISNAMED = "a payload under another's name"
    GAP = "offsets that are missing from an epoch"
    UNSERVED = "accepted and never served"
    MIXED = "a value of another read than its neighbours'"
    READ_TWICE = "one served read accepted twice"
    MISTIMED = "accepted with a time at which it cannot have been read"
    DISORDERED = "a later read with an earlier time"
    BELIEVED = "in doubt of its clock or not, and the clock was otherwise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that must not be."""

    wrong: Wrong
    what: str

    def __str__(self) -> str:
        return f"{self.wrong}: {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A span (monotonic) in which a read may be served and not accepted."""

    from_s: float
    until_s: float
    plc: int | None = None
    """None: of every PLC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The findings of a run and what was counted."""

    findings: tuple[Finding, ...]
    accepted: int
    stored: int
    reads_accepted: int
    reads_served: int
    reads_missed: int
    """Served while nothing was wrong, and not accepted: a machine that is too busy has some, a gateway that loses reads many."""

    @property
    def words(self) -> str:
        """The findings by kind with an example of each, for whoever reads a failed test."""
        kinds = Counter(finding.wrong for finding in self.findings)
        first = {finding.wrong: finding.what for finding in reversed(self.findings)}
        return "\n".join(f"{number} × {wrong}, e.g. {first[wrong]}" for wrong, number in kinds.items())


def judge(evidence: Evidence, clock: ClockModel, troubles: Sequence[Trouble] = ()) -> Verdict:
    """Return what is wrong with a run whose every sample had the time to arrive."""
    ledger = dict(_samples(evidence.accepted))
    readings = readings_of(evidence.accepted)
    findings = (
        *_journal(evidence.accepted),
        *compare(ledger, evidence.stored),
        *(Finding(wrong=Wrong.QUARANTINED, what=f"{evidence.quarantined} samples") for _ in range(bool(evidence.quarantined))),
        *_truth(readings, evidence, clock),
    )  # fmt: skip
    return Verdict(
        findings=findings,
        accepted=len(ledger),
        stored=len(evidence.stored),
        reads_accepted=sum(reading.is_read for plc in readings.values() for reading in plc),
        reads_served=len(evidence.served),
        reads_missed=sum(1 for _ in _missed(readings, evidence.served, troubles)),
    )


def compare(ledger: Mapping[Key, Fact], stored: Sequence[Sample]) -> Iterator[Finding]:
    """Hold the store against the ledger, one by one: time, value and quality with its reason."""
    seen: set[Key] = set()
    for point, at_ms, fact in stored:
        key = (point, at_ms)
        if key in seen:
            yield Finding(wrong=Wrong.DOUBLED, what=f"{point} at {at_ms}: {fact}")
        seen.add(key)
        said = ledger.get(key)
        if said is None:
            yield Finding(wrong=Wrong.INVENTED, what=f"{point} at {at_ms}: {fact}")
        elif said != fact:
            yield Finding(wrong=Wrong.CHANGED, what=f"{point} at {at_ms}: accepted {said}, stored {fact}")
    for (point, at_ms), said in ledger.items():
        if (point, at_ms) not in seen:
            yield Finding(wrong=Wrong.LOST, what=f"{point} at {at_ms}: {said}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one PLC's points were accepted with at one time: one read, or one change of quality."""

    epoch: str
    at_ms: int
    facts: Mapping[str, Fact]
    """By the point's name, without its facility."""

    @property
    def is_read(self) -> bool:
        """Whether the PLC answered, under a clock in doubt or not: silence lowers the quality of all."""
        return any(is_read(fact) for fact in self.facts.values())

    @property
    def is_clock_off(self) -> bool:
        """Whether the gateway doubts its clock."""
        return any(fact.reason is Reason.CLOCK for fact in self.facts.values())

    @property
    def count(self) -> int | None:
        """Number of the read by the PLC's own count."""
        fact = self.facts.get("count")
        return None if fact is None or not isinstance(fact.value, float) else int(fact.value)


def is_read(fact: Fact) -> bool:
    """Whether a point was told with what was read just then."""
    return fact.quality is Quality.GOOD or fact.reason is Reason.CLOCK


def readings_of(accepted: Sequence[Payload]) -> Mapping[str, list[Reading]]:
    """Return what was accepted of each PLC's facility, in the order of time."""
    found: dict[tuple[str, int, str], dict[str, Fact]] = defaultdict(dict)
    for payload in accepted:
        for sample in payload.samples:
            place, _, name = sample.point.partition("/")
            found[place, sample.at_ms, payload.epoch][name] = sample.fact
    readings: dict[str, list[Reading]] = defaultdict(list)
    for place, at_ms, epoch in sorted(found):
        readings[place].append(Reading(epoch=epoch, at_ms=at_ms, facts=found[place, at_ms, epoch]))
    return readings


def _missed(
    readings: Mapping[str, list[Reading]], served: Sequence[Read], troubles: Sequence[Trouble]
) -> Iterator[Read]:
    taken = {place: {reading.count for reading in found} for place, found in readings.items()}
    for read in served:
        is_troubled = any(
            trouble.from_s <= read.monotonic_s <= trouble.until_s and trouble.plc in {None, read.plc}
            for trouble in troubles
        )
        if not is_troubled and read.count not in taken.get(facility(read.plc), ()):
            yield read


def _samples(accepted: Sequence[Payload]) -> Iterator[tuple[Key, Fact]]:
    for payload in accepted:
        for sample in payload.samples:
            yield (sample.point, sample.at_ms), sample.fact


def _journal(accepted: Sequence[Payload]) -> Iterator[Finding]:
    """Whether the ledger itself is sound: names, offsets without gaps, no key twice."""
    keys = Counter(key for key, _ in _samples(accepted))
    for (point, at_ms), times in keys.items():
        if times > 1:
            yield Finding(wrong=Wrong.ACCEPTED_TWICE, what=f"{point} at {at_ms}")
    offsets: dict[str, list[int]] = defaultdict(list)
    for payload in accepted:
        offsets[payload.epoch].append(payload.offset)
        if not is_as_named(payload):
            yield Finding(wrong=Wrong.MISNAMED, what=f"{payload.epoch}-{payload.offset}: {payload.uuid}")
    for epoch, numbers in offsets.items():
        missing = set(range(max(numbers) + 1)) - set(numbers)
        if missing:
            yield Finding(wrong=Wrong.GAP, what=f"{epoch}: {len(missing)}, e.g. {min(missing)}")


def _truth(readings: Mapping[str, list[Reading]], evidence: Evidence, clock: ClockModel) -> Iterator[Finding]:
    served: dict[str, dict[int, Read]] = defaultdict(dict)
    for read in evidence.served:
        served[facility(read.plc)][read.count] = read
    for place, found in readings.items():
        yield from _of_plc(place, found, served[place], evidence.points, clock)


def _of_plc(
    place: str, readings: Sequence[Reading], served: Mapping[int, Read], points: Sequence[Point], clock: ClockModel
) -> Iterator[Finding]:  # fmt: skip
    seen: dict[int, int] = {}
    for reading in readings:
        where, count = f"{place} at {reading.at_ms}", reading.count
        read = None if count is None else served.get(count)
        if read is None:
            if count is not None or reading.is_read:
                yield Finding(wrong=Wrong.UNSERVED, what=f"{where}: read {count}")
            continue
        assert count is not None
        for point in points:
            fact = reading.facts.get(point.name)
            if fact is not None and fact.value != point.value(count):
                what = f"{where}: {point.name} is {fact.value}, in read {count} it is {point.value(count)}"
                yield Finding(wrong=Wrong.MIXED, what=what)
        if not reading.is_read:
            continue
        if count in seen:
            yield Finding(wrong=Wrong.READ_TWICE, what=f"{where} and {seen[count]}: read {count}")
        seen[count] = reading.at_ms
        earliest, latest = clock.bounds_ms(read.wall_ms, read.monotonic_s)
        if not earliest <= reading.at_ms <= latest:
            what = (
                f"{where}: read {count} was served at {read.wall_ms}, bounds {earliest:.0f} to {latest:.0f}"
            )
            yield Finding(wrong=Wrong.MISTIMED, what=what)
        is_off = clock.is_off(read.monotonic_s)
        if is_off is not None and is_off != reading.is_clock_off:
            yield Finding(
                wrong=Wrong.BELIEVED,
                what=f"{where}: read {count}, the clock was {'wrong' if is_off else 'right'}",
            )
    ordered = sorted(seen.items())
    for (count, at_ms), (later, then_ms) in pairwise(ordered):
        if then_ms <= at_ms:
            yield Finding(
                wrong=Wrong.DISORDERED, what=f"{place}: read {later} at {then_ms}, read {count} at {at_ms}"
            )
