"""Moves actuators: one owner each, stop and pause before a reversal, one write, then the proof or the time-out.

What may be moved was decided before (gateway.desk); how a move ended is decided by gateway.proof.
"""

from collections.abc import Callable, Coroutine

from domain.admission import Direction
from domain.command import Action, Event, State
from domain.drive import MaintainedCoil, MomentaryCoils, Repeat, Write, writes
from domain.errors import LinkError, LinkLost, LinkTimeout
from domain.ids import FacilityId
from domain.park import Actuator
from domain.position import Position, indicate
from domain.refusal import Cause, Code
from domain.words import Words
from gateway.field import Field
from gateway.job import Job
from gateway.plc import DeviceRefused, Withheld
from gateway.proof import Outcome, outcome
from gateway.transcript import Transcript
from runtime.clock import Clock
from runtime.log import logger

LOOK_S = 0.25
"""Wall seconds at most between two looks at the feedback."""
TIMEOUT_FLOOR_S = 2.0
"""Wall seconds: no move fails earlier, however fast model time runs."""
SILENCE_GRACE_S = 1.5
"""Wall seconds after the time-out in which a reading must come, or the outcome is unknown."""
RETRY_S = 0.3
"""Wall seconds between attempts to reach a PLC with a move toward safe that has not been sent."""
TAKE_BACK_S = 1.0
"""Wall seconds between attempts to end a pulse whose PLC was lost while it lasted."""
WATCH_LATE_S = 3600.0
"""Wall seconds for which a movement is held to be the late effect of a write that was not proved in time (I3)."""

_NO_CONNECTION = Words("连不上控制柜", "the cabinet takes no connection")

Spawn = Callable[[Coroutine[object, object, None], str], object]


class Executor:
    """The only one that writes to PLCs."""

    def __init__(self, field: Field, transcript: Transcript, *, clock: Clock, spawn: Spawn) -> None:
        self._field = field
        self._transcript = transcript
        self._clock = clock
        self._spawn = spawn
        self._running: dict[FacilityId, Job] = {}
        self._doubts: dict[FacilityId, float] = {}
        """Actuator → when its last outcome was unknown."""
        self._late: dict[FacilityId, tuple[Job, float]] = {}
        """Actuator → the last move that was written and not proved in time, and until when it is watched."""
        self._ended_s: dict[FacilityId, float] = {}
        self._on: set[FacilityId] = set()
        """Actuators whose pulse has still to be taken back."""
        self._log = logger("executor")

    def executing(self, actuator: FacilityId) -> Action | None:
        """Return the move that is being executed; None: none."""
        job = self._running.get(actuator)
        return None if job is None else job.action

    def is_busy(self, actuator: FacilityId) -> bool:
        """Whether something is still to be written to its PLC or to be proved by it."""
        return actuator in self._running or actuator in self._on

    def was_just_moving(self, actuator: FacilityId) -> bool:
        """Whether a command of ours moves it, or did within the last seconds in which readings may still be under way."""
        ended_s = self._ended_s.get(actuator)
        is_recent = ended_s is not None and self._clock.monotonic() - ended_s < SILENCE_GRACE_S
        return actuator in self._running or is_recent

    def is_in_doubt(self, actuator: Actuator) -> bool:
        """Whether the last outcome was unknown and no trusted feedback has come since (I5)."""
        since_s = self._doubts.get(actuator.facility)
        if since_s is None:
            return False
        seen = self._field.seen(actuator, since_s)
        if indicate(seen.opened, seen.closed).position is Position.UNKNOWN:
            return True
        del self._doubts[actuator.facility]
        return False

    def recover(self, actuator: FacilityId) -> None:
        """After a restart: the outcome of what was being executed is not known."""
        self._doubts[actuator] = self._clock.monotonic()

    def late_move(self, actuator: FacilityId) -> Job | None:
        """Return the move that was not proved in time, of which a movement now may be the late effect; None: none."""
        found = self._late.get(actuator)
        return found[0] if found is not None and self._clock.monotonic() < found[1] else None

    def start(self, job: Job) -> None:
        """Execute `job`, which was admitted and whose intent is kept: it takes over, joins, or begins."""
        facility = job.actuator.facility
        if job.action is Action.VERIFY:
            self._spawn(self._look(job), f"verify {facility}")
            return
        running = self._running.get(facility)
        if running is not None and job.shares_outcome_with(running) and not running.is_unanswered:
            running.joined.append(job)
            if running.entry.state is State.OPERATING:
                self._operating(job)
            return
        if running is not None:
            self._end(
                running,
                Outcome(
                    event=Event.PREEMPT,
                    causes=(
                        Cause(code=Code.PREEMPTED, values={"by": job.entry.author, "command": job.entry.id}),
                    ),
                ),
            )
        before = running if running is not None else self._unproved_other_way(job)
        self._running[facility] = job
        self._late.pop(facility, None)
        self._spawn(self._run(job, before), f"{job.action.value} {facility}")

    async def _run(self, job: Job, before: Job | None) -> None:
        station = self._field.station_of(job.actuator)
        try:
            with station.poller.hurry(self._field.groups_of(job.actuator)):
                pause_s = await self._reverse(job, before)
                found = await self._move(job, pause_s)
            if found is not None:
                self._end(job, found)
        finally:
            self._ended_s[job.actuator.facility] = self._clock.monotonic()
            if self._running.get(job.actuator.facility) is job:
                del self._running[job.actuator.facility]

    async def _look(self, job: Job) -> None:
        station = self._field.station_of(job.actuator)
        self._operating(job)
        with station.poller.hurry(self._field.groups_of(job.actuator)):
            found = await self._prove(job, self._clock.monotonic(), is_answered=True)
        if found is not None:
            self._end(job, found)

    async def _reverse(self, job: Job, before: Job | None) -> float:
        """Stop the move that was taken over and let the drive rest; return the wall seconds that this took."""
        drive = job.actuator.drive
        stop = writes(drive, Action.STOP)
        is_moving = (before is not None and before.has_written) or self._would_be_upset(job)
        if not is_moving or job.action is Action.STOP or not stop or isinstance(drive, MaintainedCoil):
            return 0.0
        begun_s = self._clock.monotonic()
        try:
            await self._send(job, list(stop), grace_s=0.0)
        except LinkLost:
            return 0.0  # not sent: the move itself tries again, and the PLC sees one order only
        except (LinkTimeout, DeviceRefused) as error:
            self._log.warning(
                "stop before reversal not confirmed", actuator=job.actuator.facility, reason=str(error)
            )
        except Withheld:
            return 0.0
        await self._clock.sleep(job.actuator.reversing_pause_s)
        return self._clock.monotonic() - begun_s

    def _would_be_upset(self, job: Job) -> bool:
        """Whether the drive is on its way, and another pulse would stop or turn it instead of sending it on."""
        drive, moving = job.actuator.drive, job.actuator.feedback.moving
        if not isinstance(drive, MomentaryCoils) or drive.repeat is Repeat.SAFE or moving is None:
            return False
        reading = self._field.reading(job.actuator.point(moving))
        return reading.is_trusted and reading.value is True

    def _unproved_other_way(self, job: Job) -> Job | None:
        """Return a move the other way that ended unproved: the drive may still be on its way, or start late."""
        late = self.late_move(job.actuator.facility)
        return late if late is not None and late.action is not job.action else None

    async def _move(self, job: Job, pause_s: float) -> Outcome | None:
        """Write once and prove; None when another command has taken over."""
        commands = writes(job.actuator.drive, job.action, opening_percent=job.opening_percent)
        assert commands
        is_answered = True
        while True:
            try:
                await self._send(job, list(commands), grace_s=pause_s)
                break
            except Withheld:
                return (
                    None
                    if job.is_over
                    else Outcome(
                        event=Event.TIME_OUT,
                        causes=(
                            Cause(code=Code.CHALLENGE_STALE, detail=Words("写入前失效", "before the write")),
                        ),
                    )
                )
            except LinkLost as error:
                lost = Cause(code=Code.LINK, detail=_NO_CONNECTION, values={"plc": str(error)})
                if job.way is Direction.AWAY_FROM_SAFE:
                    return Outcome(event=Event.REFUSE, causes=(lost,))
                if job.is_over:
                    return None
                if not job.may_write(pause_s):
                    return Outcome(event=Event.TIME_OUT, causes=(lost,))
                await self._clock.sleep(0.0, floor_s=RETRY_S)
            except LinkTimeout:
                is_answered, job.is_unanswered = False, True
                break
            except DeviceRefused as error:
                self._operating(job)
                refused = Cause(code=Code.HEALTH, detail=f"PLC: Modbus {error.code}")
                return Outcome(event=Event.DEVICE_REFUSED, causes=(refused,))
        self._operating(job)
        return await self._prove(job, self._clock.monotonic(), is_answered=is_answered)

    async def _send(self, job: Job, commands: list[Write], *, grace_s: float) -> None:
        """Send the writes of one order. The first is withheld unless the job still stands and is fresh (I3).

        What follows the first takes a pulse back and must go out in any case.
        """
        link = self._field.station_of(job.actuator).link

        def permit() -> bool:
            if not job.may_write(grace_s):
                return False
            job.has_written = True
            return True

        try:
            await link.write(commands[0], permit=permit)
        finally:
            if job.has_written:
                for write in commands[1:]:
                    await self._clock.sleep(0.0, floor_s=write.after_s)
                    await self._take_back(job, write)

    async def _take_back(self, job: Job, write: Write) -> None:
        """End a pulse now, or beside whatever follows: a coil left on stands against the next command."""
        if not await self._has_taken_back(job, write):
            self._log.error("pulse not taken back yet", actuator=job.actuator.facility)
            self._spawn(self._take_back_later(job, write), f"take back {job.actuator.facility}")

    async def _take_back_later(self, job: Job, write: Write) -> None:
        facility = job.actuator.facility
        self._on.add(facility)
        until_s = self._clock.monotonic() + WATCH_LATE_S
        try:
            while self._clock.monotonic() < until_s:
                await self._clock.sleep(0.0, floor_s=TAKE_BACK_S)
                if await self._has_taken_back(job, write):
                    self._log.info("pulse taken back late", actuator=facility)
                    return
        finally:
            self._on.discard(facility)

    async def _has_taken_back(self, job: Job, write: Write) -> bool:
        """Return whether there is nothing more to try: the PLC took the write, or refuses it."""
        try:
            await self._field.station_of(job.actuator).link.write(write, permit=lambda: True)
        except DeviceRefused as error:
            self._log.error("pulse not taken back", actuator=job.actuator.facility, reason=str(error))
        except LinkError:
            return False
        return True

    async def _prove(self, job: Job, since_s: float, *, is_answered: bool) -> Outcome | None:
        """Watch the feedback until it proves an outcome; None when another command has taken over."""
        poller = self._field.station_of(job.actuator).poller
        # What was asked before the write proves nothing (I4): ask now, not when the next poll is due.
        poller.poll_now(self._field.groups_of(job.actuator))
        left_s, last_s, over_s = job.timeout_s, since_s, None
        while not job.is_over:
            await poller.polled(LOOK_S)
            now_s = self._clock.monotonic()
            left_s -= (now_s - last_s) * self._clock.speed
            last_s = now_s
            if over_s is None and left_s <= 0 and now_s - since_s >= TIMEOUT_FLOOR_S:
                over_s = now_s
            found = outcome(
                job.goal,
                self._field.seen(job.actuator, since_s if over_s is None else over_s),
                is_time_out=over_s is not None,
                is_silence=over_s is not None and now_s - over_s > SILENCE_GRACE_S,
                is_answered=is_answered,
            )
            if found is not None:
                return found
        return None

    def _operating(self, job: Job) -> None:
        for one in (job, *job.joined):
            if not one.is_over and one.entry.state is not State.OPERATING:
                self._transcript.advance(
                    one.entry, Event.OPERATE, warnings=one.warnings, instead_of=one.instead_of
                )

    def _end(self, job: Job, found: Outcome) -> None:
        if job.is_over:
            return
        job.is_over = True
        facility = job.actuator.facility
        now_s = self._clock.monotonic()
        if found.event is Event.SILENCE:
            self._doubts[facility] = now_s
        if found.event in {Event.SILENCE, Event.TRAVEL_EXCEEDED} and job.has_written:
            self._late[facility] = (job, now_s + WATCH_LATE_S)
        for one in (job, *job.joined):
            one.is_over = True
            self._transcript.advance(
                one.entry, found.event, reasons=found.causes, warnings=one.warnings, instead_of=one.instead_of
            )
