"""The judge bites: a lost, doubled, changed or invented sample planted into copies of sound evidence is found, each as what it is."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest

from domain.quality import Quality, Reason
from tests.faults.clocks import ClockModel, Start, Step
from tests.faults.evidence import Evidence, Fact, Payload, Sample
from tests.faults.judge import Trouble, Wrong, judge
from tests.faults.registers import Point, ledger_points
from tests.faults.served import Read
from tests.faults.site import facility
from wire.sparkplug import payload_uuid

POINTS = ledger_points(8)
START_MS = 1_790_000_000_000
EPOCH = "ab" * 16
READS, PLCS = 40, 3
CLOCK = ClockModel([Start(at_s=0.0, first_read_s=1.0)], [])
"""True throughout."""
VICTIM = Sample(f"f1/{POINTS[3].name}", START_MS + 1021, Fact(POINTS[3].value(11), Quality.GOOD, None))
"""One sample of the sound evidence: read 11 of the second PLC."""


def at_ms(plc: int, count: int) -> int:
    return START_MS + 100 * (count - 1) + 21 * plc


def payload(offset: int, plc: int, count: int, points: Sequence[Point]) -> Payload:
    samples = [
        Sample(f"{facility(plc)}/{p.name}", at_ms(plc, count), Fact(p.value(count), Quality.GOOD, None))
        for p in points
    ]
    return Payload(epoch=EPOCH, offset=offset, uuid=payload_uuid(EPOCH, offset), samples=tuple(samples))


def sound() -> Evidence:
    """A run in which all went well, with a silence told at its end."""
    rows = [(plc, count) for count in range(1, READS + 1) for plc in range(PLCS)]
    accepted = [payload(offset, plc, count, POINTS) for offset, (plc, count) in enumerate(rows)]
    silence = tuple(
        Sample(s.point, s.at_ms + 700, Fact(s.fact.value, Quality.BAD, Reason.LINK))
        for s in accepted[-1].samples
    )
    last = len(accepted)
    accepted.append(Payload(epoch=EPOCH, offset=last, uuid=payload_uuid(EPOCH, last), samples=silence))
    served = tuple(
        Read(plc=plc, count=count, address=0, quantity=30, wall_ms=at_ms(plc, count) - 2, monotonic_s=1 + count / 10)
        for plc, count in rows
    )  # fmt: skip
    stored = tuple(sample for item in accepted for sample in item.samples)
    return Evidence(
        points=POINTS, plcs=PLCS, accepted=tuple(accepted), stored=stored, quarantined=0, served=served
    )


def stored(change: Callable[[Sample], Iterator[Sample]]) -> Evidence:
    """Return a copy of the evidence in whose store the victim stands as `change` says."""
    evidence = sound()
    assert VICTIM in evidence.stored
    rows = [row for s in evidence.stored for row in (change(s) if s == VICTIM else [s])]
    return replace(evidence, stored=tuple(rows))


def accepted(change: Callable[[Payload], Payload]) -> Evidence:
    """Return a copy in which the victim's payload was accepted, and stored, as `change` says."""
    evidence = sound()
    items = tuple(change(item) if VICTIM in item.samples else item for item in evidence.accepted)
    return replace(evidence, accepted=items, stored=tuple(s for item in items for s in item.samples))


def moved(item: Payload, by_ms: int) -> Payload:
    return replace(item, samples=tuple(s._replace(at_ms=s.at_ms + by_ms) for s in item.samples))


def read_again(item: Payload, count: int) -> Payload:
    """Return the payload with the values of another read."""
    facts = {f"f1/{point.name}": Fact(point.value(count), Quality.GOOD, None) for point in POINTS}
    return replace(item, samples=tuple(s._replace(fact=facts[s.point]) for s in item.samples))


def test_sound_evidence_is_sound() -> None:
    verdict = judge(sound(), CLOCK)
    assert verdict.findings == ()
    assert (verdict.accepted, verdict.stored) == ((READS * PLCS + 1) * len(POINTS),) * 2
    assert verdict.reads_accepted == verdict.reads_served == READS * PLCS


@pytest.mark.parametrize(("planted", "wrong"), [
    (stored(lambda s: iter(())), Wrong.LOST),
    (stored(lambda s: iter((s, s))), Wrong.DOUBLED),
    (stored(lambda s: iter((s._replace(fact=s.fact._replace(value=0.5)),))), Wrong.CHANGED),
    (stored(lambda s: iter((s._replace(fact=s.fact._replace(quality=Quality.BAD)),))), Wrong.CHANGED),
    (stored(lambda s: iter((s._replace(fact=s.fact._replace(quality=Quality.BAD, reason=Reason.LINK)),))), Wrong.CHANGED),
    (stored(lambda s: iter((s, s._replace(at_ms=s.at_ms + 1)))), Wrong.INVENTED),
    (stored(lambda s: iter((s, s._replace(point="f1/other")))), Wrong.INVENTED),
    (replace(sound(), quarantined=1), Wrong.QUARANTINED),
    (accepted(lambda p: replace(p, samples=(*p.samples, VICTIM))), Wrong.ACCEPTED_TWICE),
    (accepted(lambda p: replace(p, uuid=payload_uuid(EPOCH, 7))), Wrong.MISNAMED),
    (replace(sound(), accepted=tuple(p for p in sound().accepted if p.offset != 5)), Wrong.GAP),
    (accepted(lambda p: read_again(p, 5000)), Wrong.UNSERVED),
    (accepted(lambda p: read_again(p, 12)), Wrong.READ_TWICE),
    (accepted(lambda p: replace(p, samples=tuple(s._replace(fact=s.fact._replace(value=0.25)) if s.point == VICTIM.point else s for s in p.samples))), Wrong.MIXED),
    (accepted(lambda p: moved(p, 5_000)), Wrong.MISTIMED),
    (accepted(lambda p: moved(p, -3_600_000)), Wrong.MISTIMED),
    (accepted(lambda p: moved(p, 150)), Wrong.DISORDERED),
    (accepted(lambda p: replace(p, samples=tuple(s._replace(fact=s.fact._replace(quality=Quality.UNCERTAIN, reason=Reason.CLOCK)) for s in p.samples))), Wrong.BELIEVED),
])  # fmt: skip
def test_what_is_planted_is_found(planted: Evidence, wrong: Wrong) -> None:
    findings = Counter(finding.wrong for finding in judge(planted, CLOCK).findings)
    assert findings[wrong] >= 1
    if wrong in {Wrong.LOST, Wrong.DOUBLED, Wrong.CHANGED, Wrong.INVENTED}:
        assert findings == {wrong: 1}


def test_a_read_that_was_served_and_dropped_is_counted_unless_a_fault_explains_it() -> None:
    evidence = sound()
    last = evidence.accepted[-2]
    dropped = replace(evidence, accepted=evidence.accepted[:-2], stored=tuple(s for p in evidence.accepted[:-2] for s in p.samples))  # fmt: skip
    assert (dropped.served[-1].plc, dropped.served[-1].count) == (PLCS - 1, READS)
    assert last.samples[0].fact.value == READS
    assert judge(evidence, CLOCK).reads_missed == 0
    assert judge(dropped, CLOCK).reads_missed == 1
    at_s = dropped.served[-1].monotonic_s
    for plc, missed in ((PLCS - 1, 0), (None, 0), (0, 1)):
        trouble = Trouble(from_s=at_s - 1, until_s=at_s + 1, plc=plc)
        assert judge(dropped, CLOCK, [trouble]).reads_missed == missed


def test_a_sample_moved_in_time_is_both_lost_and_invented() -> None:
    planted = stored(lambda s: iter((s._replace(at_ms=s.at_ms + 1),)))
    assert Counter(finding.wrong for finding in judge(planted, CLOCK).findings) == {
        Wrong.LOST: 1,
        Wrong.INVENTED: 1,
    }


def test_a_sample_clock_may_follow_a_step_by_one_part_in_twenty_and_no_faster() -> None:
    clock = ClockModel([Start(at_s=0.0, first_read_s=1.0)], [Step(at_s=100.0, offset_ms=3_600_000)])
    assert clock.bounds_ms(0, 99.0) == (-100, 2_000)
    earliest, latest = clock.bounds_ms(0, 120.0)
    assert earliest == pytest.approx(900)
    assert latest == pytest.approx(3_000)


def test_a_read_is_in_doubt_while_the_clock_is_wrong() -> None:
    clock = ClockModel([Start(at_s=0.0, first_read_s=1.0)], [Step(at_s=100.0, offset_ms=3_600_000)])
    assert [clock.is_off(at_s) for at_s in (50.0, 99.0, 101.0)] == [False, None, True]


def test_a_start_after_the_clock_went_back_goes_on_from_what_was_issued() -> None:
    starts = [Start(at_s=0.0, first_read_s=1.0), Start(at_s=100.0, first_read_s=101.0)]
    clock = ClockModel(starts, [Step(at_s=50.0, offset_ms=-3_600_000)])
    earliest, _ = clock.bounds_ms(0, 160.0)
    assert -12_000 < earliest < -5_000  # a time that stands still would be a minute behind
