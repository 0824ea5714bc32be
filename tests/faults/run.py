"""Plays a schedule of faults against real processes, lets everything arrive, and hands over the evidence."""

import heapq
import itertools
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from domain.errors import RemoteProtocolError, StorageError
from runtime.clock import set_offset
from tests.faults.clocks import ClockModel, Hang, Start, Step
from tests.faults.disk import BALLAST, Disk
from tests.faults.evidence import Evidence, read_evidence
from tests.faults.faketime import FakeTime
from tests.faults.judge import Trouble, Verdict, judge
from tests.faults.modes import Mode
from tests.faults.processes import CLOCK, Part, Processes, processes, rest, wait_until
from tests.faults.registers import ledger_points, reporting_points
from tests.faults.schedule import Fault, Kind, count, make_schedule
from tests.faults.site import GATEWAY, WORKERS, make_site

LOOK_S = 0.1
"""Wall seconds between looks at processes that have ended by themselves."""
CALM_S = 1.5
"""Before the first fault and after the last: everything works."""
HEARD_MIN = 30
"""Payloads that pass the broker before the first fault."""
READS_SUFFER = frozenset({Kind.LINK, Kind.GATEWAY_KILLED, Kind.GATEWAY_HUNG, Kind.DISK_FULL})
"""Faults in which a read may be served and not accepted."""
AROUND_S = 2.0
"""The same right before and after them: an answer is on its way, a connection is made anew."""
DISK_BYTES = 48_000_000
"""Size of the journal's disk, and of the one of an embedded store."""
ARRIVE_S_MAX = 240.0
"""Wall seconds for everything to arrive once nothing fails: what was only received goes again after a minute, or two."""
HURRIED_S_MAX = 90.0
"""The same where the gateway is started anew instead of waited for."""
LEDGER = 15
"""Points of a PLC that all change at every read: each kind of register twice, and the count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run."""

    seed: int
    seconds: float
    kinds: tuple[Kind, ...]
    is_victoria: bool
    plcs: int = 5
    ledger: int = LEDGER
    """How many points of a PLC all change at every read; 0: points with dead bands and silences."""
    per_minute: float = 40.0
    """Faults."""
    is_patient: bool = False
    """Wait out the minute after which a gateway sends again what was received and is not durable."""
    is_faketime: bool = False
    """Step the gateway's clock by libfaketime instead of by a clock of ours."""

    @property
    def workers(self) -> int:
        """How many ingest workers run."""
        return len(WORKERS) if self.is_victoria else 1

    @property
    def command(self) -> str:
        """What plays it again."""
        return (
            f"python -m tests.faults --seed {self.seed} --seconds {self.seconds:g} --per-minute {self.per_minute:g}"
            + (" --victoria" if self.is_victoria else "")
            + ("" if self.ledger else " --reporting")
        )

    @property
    def schedule(self) -> tuple[Fault, ...]:
        return make_schedule(
            self.seed,
            seconds=self.seconds,
            plcs=self.plcs,
            workers=self.workers,
            kinds=self.kinds,
            per_minute=self.per_minute,
        )


@dataclass(kw_only=True)
class Outcome:
    """What came of a run."""

    plan: Plan
    evidence: Evidence
    verdict: Verdict
    disk: str
    redelivered: int
    """Payloads heard at the broker more than once, each time counted."""
    starts: dict[str, int]
    ended: dict[str, Counter[int]]
    """Which processes ended by themselves, how often, by exit status."""
    exits: dict[str, int]
    """Status of each service at its orderly end."""
    logs: dict[str, str] = field(repr=False)

    @property
    def table(self) -> str:
        """The counts of the run."""
        kinds = "\n".join(
            f"  {number:4d} × {kind}" for kind, number in sorted(count(self.plan.schedule).items())
        )
        verdict = self.verdict
        return (
            f"seed {self.plan.seed}: {self.plan.seconds:.0f} s, {self.plan.plcs} PLCs, "
            f"store {'VictoriaMetrics' if self.plan.is_victoria else 'SQLite'}, full disk: {self.disk}\n{kinds}\n"
            f"  reads served {verdict.reads_served}, accepted {verdict.reads_accepted}, missed {verdict.reads_missed}; "
            f"samples accepted {verdict.accepted}, stored {verdict.stored}, findings {len(verdict.findings)}\n"
            f"  payloads sent again {self.redelivered}; starts {self.starts}; "
            f"ended by themselves { ({name: dict(ended) for name, ended in self.ended.items()}) }"
        )


def play(plan: Plan, folder: Path, *, tell: Callable[[str], None] = print) -> Outcome:
    """Run `plan` in `folder`."""
    schedule = plan.schedule
    tell(f"{plan.command}: {len(schedule)} faults")
    for fault in schedule:
        tell(f"  {fault}")
    points = ledger_points(plan.ledger) if plan.ledger else reporting_points()
    clock = "real" if plan.is_faketime else "offset"
    site = make_site(folder, plcs=plan.plcs, points=points, is_victoria=plan.is_victoria, clock=clock)
    with (
        _disk(site.journal) as disk,
        _disk(site.centre) as store_disk,
        processes(site, ledger=plan.ledger, seed=plan.seed) as running,
    ):
        stage = Stage(running, disk, store_disk, FakeTime(folder) if plan.is_faketime else None)
        stage.start()
        stage.play(schedule)
        return stage.finish(plan)


class Stage:
    """The faults in their order, and what must be remembered of them to judge."""

    def __init__(self, running: Processes, disk: Disk, store_disk: Disk, faketime: FakeTime | None) -> None:
        self._running = running
        self._faketime = faketime
        if faketime is not None:
            running.gateway.environment = faketime.environment
        self._site = running.site
        self._disk = disk
        self._store_disk = store_disk
        self._steps: list[Step] = []
        self._hangs: list[Hang] = []
        self._troubles: list[Trouble] = []
        self._gateway_starts_s: list[float] = []
        self._numbers = itertools.count()

    def start(self) -> None:
        """Start everything and wait until samples pass the broker."""
        running = self._running
        self._gateway_starts_s.append(CLOCK.monotonic())
        running.start()
        listener = running.listener
        assert listener is not None
        wait_until("samples pass the broker", lambda: self._tend() and len(listener.heard) > HEARD_MIN)
        rest(CALM_S)

    def play(self, schedule: Sequence[Fault]) -> None:
        """Begin and end every fault at its time."""
        began_s = CLOCK.monotonic()
        waiting = [(fault.begin_s, next(self._numbers), fault, True) for fault in schedule]
        heapq.heapify(waiting)
        while waiting:
            at_s, _, fault, is_begin = waiting[0]
            late_s = CLOCK.monotonic() - began_s - at_s
            if late_s < 0:
                rest(min(LOOK_S, -late_s))
                self._tend()
                continue
            heapq.heappop(waiting)
            if is_begin:
                self._begin(fault)
                heapq.heappush(waiting, (fault.end_s, next(self._numbers), fault, False))
            else:
                self._end(fault)

    def finish(self, plan: Plan) -> Outcome:
        """Let everything arrive, stop, and read what is left behind."""
        running, site = self._running, self._site
        listener = running.listener
        assert listener is not None
        rest(CALM_S)
        for kind, target in ((Kind.GATEWAY_CLOCK, 0), *((Kind.INGEST_CLOCK, k) for k in range(plan.workers))):
            self._begin(Fault(kind=kind, begin_s=0, end_s=0, target=target))
        self._troubles.append(Trouble(from_s=CLOCK.monotonic() - AROUND_S, until_s=float("inf")))
        for plc in range(plan.plcs):
            running.plcs.set(plc, Mode.CUT)
        rest(2.0)  # the silence is told
        if Kind.STORE_KILLED in plan.kinds and not plan.is_patient:
            # What a dead store had only received goes again after a minute; a gateway that starts sends it at once.
            running.gateway.kill()
            self._start_gateway()
            rest(3.0)
        self._await_arrival(ARRIVE_S_MAX if plan.is_patient else HURRIED_S_MAX)
        exits = {part.name: part.stop() for part in (running.gateway, *running.workers)}
        running.plcs.flush()
        without = shutil.ignore_patterns(BALLAST)
        journal = shutil.copytree(site.journal, site.folder / "journal-copy", ignore=without)
        shutil.copytree(site.centre, site.folder / "centre-copy", ignore=without)
        evidence = read_evidence(site, now_ms=CLOCK.now_ms(), journal=Path(journal))
        return Outcome(
            plan=plan,
            evidence=evidence,
            verdict=judge(
                evidence, ClockModel(self._starts(evidence), self._steps, self._hangs), self._troubles
            ),
            disk=self._disk.how,
            redelivered=listener.redelivered,
            starts={part.name: part.starts for part in running.parts},
            ended={part.name: part.ended for part in running.parts if part.ended},
            exits=exits,
            logs={part.name: part.log() for part in running.parts},
        )

    def _starts(self, evidence: Evidence) -> list[Start]:
        served_s = [read.monotonic_s for read in evidence.served]
        return [
            Start(at_s=at_s, first_read_s=min((s for s in served_s if s >= at_s), default=at_s))
            for at_s in self._gateway_starts_s
        ]

    def _begin(self, fault: Fault) -> None:
        running = self._running
        match fault.kind:
            case Kind.BROKER_WIPED:
                running.wipe_broker()
            case Kind.GATEWAY_KILLED:
                running.gateway.kill()
            case Kind.INGEST_KILLED:
                running.workers[fault.target].kill()
            case Kind.STORE_KILLED:
                assert running.store is not None
                running.store.kill()
            case Kind.DISK_FULL:
                self._disk.fill(running.gateway.pid)
            case Kind.STORE_DISK_FULL:
                self._store_disk.fill(running.workers[0].pid)
            case Kind.GATEWAY_CLOCK:
                if self._faketime is None:
                    set_offset(self._site.offset(GATEWAY), fault.offset_ms)
                else:
                    self._faketime.step(fault.offset_ms)
                self._steps.append(Step(at_s=CLOCK.monotonic(), offset_ms=fault.offset_ms))
            case Kind.INGEST_CLOCK:
                set_offset(self._site.offset(WORKERS[fault.target]), fault.offset_ms)
            case Kind.LINK:
                running.plcs.set(fault.target, fault.mode, delay_s=fault.delay_s)
            case _:
                self._hung(fault).hang(is_hung=True)

    def _end(self, fault: Fault) -> None:
        running = self._running
        if fault.kind in READS_SUFFER:
            until_s = CLOCK.monotonic()
            from_s = until_s - (fault.end_s - fault.begin_s)
            plc = fault.target if fault.kind is Kind.LINK else None
            self._troubles.append(Trouble(from_s=from_s - AROUND_S, until_s=until_s + AROUND_S, plc=plc))
        match fault.kind:
            case Kind.BROKER_WIPED:
                running.start_broker()
            case Kind.GATEWAY_KILLED:
                self._start_gateway()
            case Kind.INGEST_KILLED:
                running.workers[fault.target].start()
            case Kind.STORE_KILLED:
                running.start_store()
            case Kind.DISK_FULL:
                self._disk.clear()
            case Kind.STORE_DISK_FULL:
                self._store_disk.clear()
            case Kind.GATEWAY_CLOCK | Kind.INGEST_CLOCK:
                pass
            case Kind.LINK:
                running.plcs.set(fault.target, Mode.FINE)
            case _:
                self._hung(fault).hang(is_hung=False)
                if fault.kind is Kind.GATEWAY_HUNG:
                    until_s = CLOCK.monotonic()
                    self._hangs.append(Hang(from_s=until_s - fault.end_s + fault.begin_s, until_s=until_s))

    def _hung(self, fault: Fault) -> Part:
        running = self._running
        match fault.kind:
            case Kind.GATEWAY_HUNG:
                return running.gateway
            case Kind.BROKER_HUNG:
                return running.broker
            case Kind.INGEST_HUNG:
                return running.workers[fault.target]
            case _:
                assert fault.kind is Kind.STORE_HUNG
                assert running.store is not None
                return running.store

    def _start_gateway(self) -> None:
        self._gateway_starts_s.append(CLOCK.monotonic())
        self._running.gateway.start()

    def _tend(self) -> bool:
        """Start again what has ended by itself; what a fault has killed is left to its end."""
        if self._running.gateway.has_ended:
            self._gateway_starts_s.append(CLOCK.monotonic())
        for part in (self._running.gateway, *self._running.workers):
            part.tend()
        return True

    def _await_arrival(self, within_s: float) -> None:
        """Wait until every accepted sample stands in the store; what has not come then, the judge will find missing."""
        until_s = CLOCK.monotonic() + within_s
        while CLOCK.monotonic() < until_s and not self._has_arrived():
            self._tend()
            rest(1.0)

    def _has_arrived(self) -> bool:
        try:
            now = read_evidence(self._site, now_ms=CLOCK.now_ms())
        except (StorageError, RemoteProtocolError, FileNotFoundError):
            return False  # a store that is being started, a segment that is being freed
        stored = {(sample.point, sample.at_ms) for sample in now.stored}
        return all((s.point, s.at_ms) in stored for payload in now.accepted for s in payload.samples)


@contextmanager
def _disk(folder: Path) -> Iterator[Disk]:
    disk = Disk(folder, bytes_max=DISK_BYTES)
    try:
        yield disk
    finally:
        disk.clear()
        disk.close()
