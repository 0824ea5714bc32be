"""Moves actuators: one owner each, stop and pause before a reversal, one write, then the proof or the time-out.

What may be moved was decided before (gateway.desk); how a move ended is decided by gateway.proof.
"""

import asyncio

from domain.admission import Direction, direction
from domain.command import Action, Event, State
from domain.drive import CommandWord, MaintainedCoil, Table, Write, echo_of, writes
from domain.errors import LinkError, LinkLost, LinkTimeout
from domain.ids import FacilityId
from domain.park import Actuator
from domain.position import Position, indicate
from domain.refusal import Cause, Code
from domain.sample import NEVER_READ
from domain.words import Words
from gateway.field import Field
from gateway.job import NO_OPENING, STILL_MOVING, Job, Late, not_written, withheld
from gateway.ledger_entry import Entry
from gateway.plc import DeviceRefused, Withheld
from gateway.poll_plan import Block
from gateway.proof import Goal, Outcome, outcome, stopped_over
from gateway.pulses import Pulses, Spawn
from gateway.selector import require_seen, seen_again
from gateway.transcript import Transcript
from gateway.travels import Travels
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
STOPS_MAX = 3
"""Stops before a reversal; after them what is still seen moving has a signal that says nothing, or cannot be stopped: it is shut
all the same, and not opened."""
ECHO_READS_MAX = 5
"""Readings of a command word's echo: a PLC needs a turn of its program to show what it has taken."""
WATCH_LATE_S = 3600.0
"""Wall seconds for which a movement is held to be the late effect of a write that was not proved in time (I3)."""

_END = {Position.OPEN: Action.OPEN, Position.CLOSED: Action.CLOSE}
_OPPOSITE = {Position.OPEN: Position.CLOSED, Position.CLOSED: Position.OPEN}
_NO_CONNECTION = Words("连不上控制柜", "the cabinet takes no connection")


class Executor:
    """The only one that moves anything."""

    def __init__(
        self, field: Field, transcript: Transcript, travels: Travels, *, clock: Clock, spawn: Spawn
    ) -> None:
        self._field = field
        self._transcript = transcript
        self._travels = travels
        self._clock = clock
        self._spawn = spawn
        self._running: dict[FacilityId, Job] = {}
        self._doubts: dict[FacilityId, float] = {}
        """Actuator → when its last outcome was unknown."""
        self._late: dict[FacilityId, Late] = {}
        self._unrested: set[FacilityId] = set()
        """Actuators that a move has sent on their way which was taken over, and that nothing has stopped or sent on since."""
        self._ended_s: dict[FacilityId, float] = {}
        self._pulses = Pulses(field, clock=clock, spawn=spawn)
        self._log = logger("executor")

    def executing(self, actuator: FacilityId) -> Action | None:
        """Return the move that is being executed; None: none."""
        job = self._running.get(actuator)
        return None if job is None else job.action

    def owner(self, actuator: FacilityId) -> str:
        """Return whose move is being executed; empty: nobody's."""
        job = self._running.get(actuator)
        return "" if job is None else job.entry.author

    def is_busy(self, actuator: FacilityId) -> bool:
        """Whether something is still to be written to its PLC or to be proved by it."""
        return actuator in self._running or actuator in self._pulses.on

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

    def recover(self, entry: Entry, *, age_s: float) -> None:
        """After a restart: what `entry` asked for `age_s` seconds ago may or may not have been done, and may yet be."""
        actuator = self._field.actuators[entry.actuator]
        self._doubts[entry.actuator] = self._clock.monotonic()
        self.watch_late(entry, actuator, for_s=WATCH_LATE_S - age_s)

    def watch_late(self, entry: Entry, actuator: Actuator, *, for_s: float = WATCH_LATE_S) -> None:
        """Hold a movement within `for_s` wall seconds to be the late effect of `entry`."""
        if for_s <= 0 or entry.action is Action.VERIFY:
            return
        way = direction(actuator, entry.action, opening_percent=entry.parameters.get("opening_percent"))
        self._late[entry.actuator] = Late(
            command=entry.id, action=entry.action, way=way, until_s=self._clock.monotonic() + for_s
        )

    def late_move(self, actuator: FacilityId) -> Late | None:
        """Return the move that was not proved in time, of which a movement now may be the late effect; None: none."""
        found = self._late.get(actuator)
        return found if found is not None and self._clock.monotonic() < found.until_s else None

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
        is_turning = facility in self._unrested or self._is_unproved_other_way(job)
        job.travel_timeout_s = self._travels.timeout_s(job.actuator, job.action)
        self._running[facility] = job
        self._spawn(self._run(job, is_turning=is_turning), f"{job.action.value} {facility}")

    async def _run(self, job: Job, *, is_turning: bool) -> None:
        station = self._field.station_of(job.actuator)
        try:
            with station.poller.hurry(self._field.groups_of(job.actuator)):
                try:
                    pause_s = await self._reverse(job, is_turning=is_turning)
                except (LinkLost, LinkTimeout) as error:
                    lost = Cause(code=Code.LINK, detail=_NO_CONNECTION, values={"plc": str(error)})
                    found: Outcome | None = not_written(job, Event.REFUSE, lost)
                except Withheld:  # without its stop it turns nothing
                    found = withheld(job)
                else:
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
            found = await self._prove(job, job.goal, self._clock.monotonic(), is_answered=True)
        if found is not None:
            self._end(job, found)

    async def _reverse(self, job: Job, *, is_turning: bool) -> float:
        """Stop the move that was taken over and let the drive rest; return the wall seconds that this took. Raises LinkLost, Withheld."""
        drive = job.actuator.drive
        stop = writes(drive, Action.STOP)
        is_upset = job.is_upset_in_motion and self._field.is_moving(job.actuator)
        if (
            not (is_turning or is_upset)
            or job.action is Action.STOP
            or not stop
            or isinstance(drive, MaintainedCoil)
        ):
            return 0.0
        facility, rested_s = job.actuator.facility, 0.0
        self._unrested.add(facility)
        for _ in range(STOPS_MAX):
            at_s = await self._stopped(job, list(stop), grace_s=rested_s)
            rested_s += self._clock.monotonic() - at_s
            if job.is_over:
                return rested_s
            if not await self._is_moving(job, at_s):
                break
            # What an earlier connection had sent came behind the stop.
        else:
            if job.way is Direction.AWAY_FROM_SAFE:
                job.against = (STILL_MOVING,)
                raise Withheld
        self._unrested.discard(facility)
        return rested_s

    async def _stopped(self, job: Job, stop: list[Write], *, grace_s: float) -> float:
        """Stop the drive and let it rest; return when the stop that was answered went out. Raises LinkLost, Withheld."""
        while True:
            at_s = self._clock.monotonic()
            try:
                await self._send(job, stop, grace_s=grace_s)
            except (LinkLost, LinkTimeout) as error:
                # It may be on its way until a stop is answered, and must have rested before anything turns it (I2).
                if job.way is Direction.AWAY_FROM_SAFE:
                    raise
                if not job.may_write(grace_s):
                    raise Withheld from error
                await self._clock.sleep(0.0, floor_s=RETRY_S)
                continue
            except DeviceRefused as error:
                actuator = job.actuator.facility
                self._log.warning("stop before reversal not confirmed", actuator=actuator, reason=str(error))
            await self._clock.sleep(job.actuator.reversing_pause_s)
            return at_s

    async def _is_moving(self, job: Job, since_s: float) -> bool:
        """Whether the drive is seen moving after `since_s`; what is not seen in time is not."""
        actuator = job.actuator
        if self._field.is_moving(actuator, since_s) is None:
            poller = self._field.station_of(actuator).poller
            poller.poll_now(self._field.groups_of(actuator))
            await poller.polled(LOOK_S)
        return self._field.is_moving(actuator, since_s) is True

    def _is_unproved_other_way(self, job: Job) -> bool:
        """Whether a move the other way ended unproved: the drive may still be on its way, or start late."""
        late = self.late_move(job.actuator.facility)
        return late is not None and late.action is not job.action

    async def _move(self, job: Job, pause_s: float) -> Outcome | None:
        """Write and prove, in the steps that the drive wants; None when another command has taken over."""
        name = job.actuator.feedback.position
        steps = job.steps(NEVER_READ if name is None else self._field.reading(job.actuator.point(name)))
        if steps is None:
            return not_written(job, Event.REFUSE, NO_OPENING)
        for percent in steps:
            found = await self._stage(job, Action.SET, percent, Goal(percent=percent), pause_s)
            if found is None or found.event is not Event.POSITION_REACHED:
                return found
            against = job.is_admitted()
            if against:
                return stopped_over(percent, against)
        return await self._stage(job, job.action, job.opening_percent, job.goal, pause_s)

    async def _stage(
        self, job: Job, action: Action, percent: float | None, goal: Goal, pause_s: float
    ) -> Outcome | None:
        """Write once and prove; None when another command has taken over."""
        commands = writes(job.actuator.drive, action, opening_percent=percent)
        assert commands
        is_answered, start = True, self._shown(job)
        while True:
            try:
                await self._send(job, list(commands), grace_s=pause_s)
                break
            except Withheld:
                return withheld(job)
            except LinkLost as error:
                lost = Cause(code=Code.LINK, detail=_NO_CONNECTION, values={"plc": str(error)})
                if job.way is Direction.AWAY_FROM_SAFE:
                    return not_written(job, Event.REFUSE, lost)
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
        since_s = self._clock.monotonic()
        # The PLC is asked while we write down that it was told.
        self._field.station_of(job.actuator).poller.poll_now(self._field.groups_of(job.actuator))
        await asyncio.sleep(0)
        self._operating(job)
        found = await self._prove(job, goal, since_s, is_answered=is_answered)
        is_there = found is not None and found.event is Event.POSITION_REACHED
        if is_there and goal.position in _END and start is _OPPOSITE[goal.position]:
            job.travel_s = (self._clock.monotonic() - since_s) * self._clock.speed
            self._travels.measured(job.actuator, _END[goal.position], job.travel_s)
        return found

    async def _send(self, job: Job, commands: list[Write], *, grace_s: float) -> None:
        """Send the writes of one order. The first is withheld unless the job still stands, fresh and admitted (I3, I7).

        What follows the first takes a pulse back and must go out in any case.
        """
        link = self._field.station_of(job.actuator).link

        def permit() -> bool:
            if not job.may_write(grace_s):
                return False
            require_seen(self._field, job.actuator)  # its turn may have been long in coming
            job.against = job.is_admitted()
            if job.against:
                return False
            job.has_written = True
            return True

        await seen_again(self._field, job.actuator, self._clock)
        try:
            await link.write(commands[0], permit=permit)
        finally:
            if job.has_written:
                await self._pulses.end(job.actuator, commands[1:])

    def _shown(self, job: Job) -> Position:
        names = job.actuator.feedback
        opened, closed = job.actuator.point(names.opened), job.actuator.point(names.closed)
        return indicate(self._field.reading(opened), self._field.reading(closed)).position

    async def _echoed(self, job: Job) -> int | None:
        """Return what the PLC shows of the command that it has taken; None: nothing, or it does not answer."""
        drive = job.actuator.drive
        assert isinstance(drive, CommandWord)
        assert drive.echo is not None
        block = Block(table=Table.HOLDING, start=drive.echo, count=1, rows=())
        try:
            return int((await self._field.station_of(job.actuator).link.read(block))[0])
        except (LinkError, DeviceRefused):
            return None

    async def _prove(self, job: Job, goal: Goal, since_s: float, *, is_answered: bool) -> Outcome | None:
        """Watch the feedback until it proves an outcome; None when another command has taken over."""
        poller = self._field.station_of(job.actuator).poller
        left_s, last_s, over_s = job.timeout_s, since_s, None
        wanted = echo_of(job.actuator.drive, job.action) if is_answered else None
        while not job.is_over:
            await poller.polled(LOOK_S)
            now_s = self._clock.monotonic()
            left_s -= (now_s - last_s) * self._clock.speed
            last_s = now_s
            if over_s is None and left_s <= 0 and now_s - since_s >= TIMEOUT_FLOOR_S:
                over_s = now_s
            if wanted is not None and wanted != job.echo and job.echo_reads < ECHO_READS_MAX:
                job.echo, job.echo_reads = await self._echoed(job), job.echo_reads + 1
            found = outcome(
                goal,
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
                    one.entry,
                    Event.OPERATE,
                    warnings=one.warnings,
                    instead_of=one.instead_of,
                    execution=job.execution,
                )

    def _end(self, job: Job, found: Outcome) -> None:
        if job.is_over:
            return
        job.is_over = True
        facility = job.actuator.facility
        now_s = self._clock.monotonic()
        if found.event is Event.SILENCE:
            self._doubts[facility] = now_s
        if job.has_written and facility not in self._unrested:
            self._late.pop(facility, None)
        if found.event in {Event.SILENCE, Event.TRAVEL_EXCEEDED} and job.has_written:
            self.watch_late(job.entry, job.actuator)
        if found.event is Event.PREEMPT and job.has_written:
            self._unrested.add(facility)
        elif job.entry.state is State.OPERATING:
            self._unrested.discard(facility)
        for one in (job, *job.joined):
            one.is_over = True
            self._transcript.advance(
                one.entry,
                found.event,
                reasons=found.causes,
                warnings=one.warnings,
                instead_of=one.instead_of,
                execution=job.execution,
            )
