"""Moves whose outcome is not known: what the next command, and a movement long after, make of them (I2, I3, I11)."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from domain.command import Action, Phase, State
from domain.drive import Pulse, Repeat, Table
from domain.ids import CommandId
from domain.park import Tier
from gateway.executor import STOPS_MAX, Executor
from gateway.job import STILL_MOVING
from gateway.recovery import recover
from gateway.travels import Travels
from gateway.watch import Watch
from tests.service.gateway.test_random_commands import GATE, PARK, Bench

OPEN_COIL, CLOSE_COIL, STOP_COIL = 0, 1, 2


class Watched(Bench):
    """A bench whose gateway looks at the field after every poll."""

    def __init__(self, folder: Path, tier: Tier, pulse: Pulse) -> None:
        super().__init__(folder, Repeat.SAFE, tier=tier, pulse=pulse)
        field, transcript, ledger, records = self.parts
        self.watch = Watch(
            field, self.executor, transcript,
            ledger=ledger, records=records, overrides=self.overrides, clock=self.clock,
        )  # fmt: skip

    def restart(self) -> None:
        """Die in the midst of everything, and begin again with what is on the disk."""
        for task in self.tasks:
            task.cancel()
        self.tasks.clear()
        field, transcript, ledger, records = self.parts
        self.executor = Executor(
            field, transcript, Travels(ledger, field), clock=self.clock, spawn=self._spawn
        )
        self.watch = Watch(
            field, self.executor, transcript,
            ledger=ledger, records=records, overrides=self.overrides, clock=self.clock,
        )  # fmt: skip
        recover(ledger, field, self.executor, transcript, records, epoch="f" * 32, now_ms=self.clock.now_ms())

    def _poll(self) -> None:
        super()._poll()
        self.watch.polled(self.image)

    def own(self) -> list[str]:
        """Actions of the commands that the gateway made itself."""
        return [body["action"] for body in self.said() if str(body.get("author", "")).startswith("edge:")]

    async def close(self) -> None:
        command = self.command(Action.CLOSE)
        await self.step(60)
        assert self.state(command) == "confirmed"
        self.link.sent.clear()

    def state(self, command: str) -> str:
        return [str(body["state"]) for body in self.said() if body.get("id") == command][-1]

    def open(self) -> str:
        command = self.command(Action.OPEN, Phase.SELECT)
        return self.command(Action.OPEN, Phase.OPERATE, command)


def play(
    what: Callable[[Watched], Awaitable[None]], tier: Tier = Tier.ENTERPRISE, pulse: Pulse = Pulse.PLC_RESETS
) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            bench = Watched(Path(folder), tier, pulse)
            await bench.step(1)
            await what(bench)

    asyncio.run(run())


@pytest.mark.parametrize(("tier", "countered"), [(Tier.ENTERPRISE, True), (Tier.RIVER, False)])
def test_a_late_opening_is_countered_but_never_on_a_river(tier: Tier, countered: bool) -> None:
    async def what(bench: Watched) -> None:
        await bench.close()
        bench.link.mode = "silent"
        command = bench.open()
        await bench.step(150)
        assert bench.state(command) == "unknown"
        bench.link.mode = "up"
        bench.plc.write(Table.COIL, OPEN_COIL, 1, bench.clock.now_ms())
        await bench.step(10)
        assert any(body.get("late_of") == command for body in bench.said())
        assert bool(bench.own()) is countered
        assert (CLOSE_COIL in bench.link.sent) is countered

    play(what, tier)


@pytest.mark.parametrize("after_s", [1.0, 150.0])
def test_a_write_before_a_restart_that_takes_effect_late_is_countered(after_s: float) -> None:
    async def what(bench: Watched) -> None:
        await bench.close()
        bench.link.mode = "silent"
        command = bench.open()
        await bench.step(after_s)
        bench.restart()
        await bench.step(2)
        assert bench.state(command) == "unknown"
        bench.link.mode = "up"
        bench.plc.write(Table.COIL, OPEN_COIL, 1, bench.clock.now_ms())
        await bench.step(10)
        assert any(body.get("late_of") == command for body in bench.said())
        assert bench.own()[0] == "close"
        assert CLOSE_COIL in bench.link.sent

    play(what)


def test_what_was_proved_before_a_restart_has_no_late_effect() -> None:
    async def what(bench: Watched) -> None:
        command = bench.open()
        await bench.step(60)
        assert bench.state(command) == "confirmed"
        await bench.close()
        bench.restart()
        await bench.step(2)
        bench.link.sent.clear()
        bench.plc.write(Table.COIL, OPEN_COIL, 1, bench.clock.now_ms())
        await bench.step(10)
        assert [body["late_of"] for body in bench.said() if "late_of" in body] == [None]
        assert bench.own() == []

    play(what)


def test_the_travel_is_learnt_from_what_the_device_has_shown() -> None:
    async def what(bench: Watched) -> None:
        field, _, ledger, _ = bench.parts
        gate = field.actuators[GATE]
        declared_s = Travels(ledger, field).timeout_s(gate, Action.CLOSE)
        for _ in range(3):
            bench.open()
            await bench.step(60)
            await bench.close()
        learnt_s = Travels(ledger, field).timeout_s(gate, Action.CLOSE)
        assert declared_s == 1.5 * gate.travel_time_s
        assert learnt_s <= declared_s
        told = [body["execution"] for body in bench.said() if body.get("state") == "confirmed"]
        travels = [item["travel_ms"] for item in told if "travel_ms" in item]
        assert len(travels) >= 5
        assert all(abs(item / 1000 - gate.travel_time_s) < 2 for item in travels)

    play(what)


@pytest.mark.parametrize("action", [Action.VERIFY, Action.CLOSE])
def test_a_movement_after_an_unknown_that_opens_nothing_is_another_hand(action: Action) -> None:
    async def what(bench: Watched) -> None:
        await bench.close()
        bench.is_polled = False
        command = bench.command(action)
        await bench.step(150)
        assert bench.state(command) == "unknown"
        bench.is_polled = True
        await bench.step(2)
        bench.link.sent.clear()
        bench.plc.write(Table.COIL, OPEN_COIL, 1, bench.clock.now_ms())
        await bench.step(10)
        assert bench.own() == []
        assert bench.link.sent == []

    play(what)


def test_a_closure_relies_on_no_write_that_was_not_answered() -> None:
    async def what(bench: Watched) -> None:
        bench.link.mode = "silent"
        first = bench.command(Action.CLOSE)
        await bench.step(2)
        assert bench.link.sent == []
        bench.link.mode = "up"
        second = bench.command(Action.CLOSE)
        await bench.step(60)
        assert bench.link.sent == [STOP_COIL, CLOSE_COIL]
        assert (bench.state(first), bench.state(second)) == ("preempted", "confirmed")

    play(what)


def test_a_drive_that_may_still_open_is_stopped_before_it_is_closed() -> None:
    async def what(bench: Watched) -> None:
        bench.plc.jam(GATE, at=0.7, now_ms=bench.clock.now_ms())
        opening = bench.open()
        await bench.step(150)
        assert bench.state(opening) == "failed"
        bench.link.sent.clear()
        closing = bench.command(Action.CLOSE)
        await bench.step(0.5)
        assert bench.link.sent == [STOP_COIL]
        bench.plc.jam(GATE, at=None, now_ms=bench.clock.now_ms())
        await bench.step(60)
        assert bench.link.sent == [STOP_COIL, CLOSE_COIL]
        assert bench.state(closing) == "confirmed"

    play(what)


@pytest.mark.parametrize(("late", "stops"), [(0, 1), (1, 2), (STOPS_MAX, STOPS_MAX)])
def test_a_drive_is_stopped_again_that_a_late_write_sends_on_behind_the_stop(late: int, stops: int) -> None:
    """A PLC that hung answers its connections in any order: the stop first, and then what it was to stop."""

    async def what(bench: Watched) -> None:
        await bench.close()
        bench.link.mode = "silent"
        bench.open()
        await bench.step(1)
        bench.link.mode = "up"
        closing = bench.command(Action.CLOSE)
        for _ in range(late):
            await bench.step(1)
            bench.plc.write(Table.COIL, OPEN_COIL, 1, bench.clock.now_ms())
            await bench.step(PARK.actuators[GATE].reversing_pause_s - 1)
        await bench.step(60)
        assert bench.link.sent == [STOP_COIL] * stops + [CLOSE_COIL]
        assert bench.state(closing) == "confirmed"

    play(what)


def test_an_outage_between_two_stops_makes_no_old_closure_fresh_and_the_next_one_stops_first() -> None:
    async def what(bench: Watched) -> None:
        await bench.close()
        bench.link.mode = "silent"
        bench.open()
        await bench.step(1)
        bench.link.mode = "up"
        closing = bench.command(Action.CLOSE)
        await bench.step(1)
        bench.plc.write(Table.COIL, OPEN_COIL, 1, bench.clock.now_ms())
        bench.link.mode = "lost"
        await bench.step(90)
        bench.link.mode = "up"
        await bench.step(20)
        assert bench.link.sent == [STOP_COIL]
        assert bench.state(closing) == "expired"
        closing = bench.command(Action.CLOSE)
        await bench.step(60)
        assert bench.link.sent == [STOP_COIL, STOP_COIL, CLOSE_COIL]
        assert bench.state(closing) == "confirmed"

    play(what)


def test_what_cannot_be_stopped_is_not_opened() -> None:
    async def what(bench: Watched) -> None:
        bench.link.mode = "silent"
        closing = bench.command(Action.CLOSE)
        await bench.step(150)
        assert bench.state(closing) == "unknown"
        bench.link.mode = "up"
        opening = bench.open()
        for _ in range(STOPS_MAX):
            await bench.step(1)
            bench.plc.write(Table.COIL, CLOSE_COIL, 1, bench.clock.now_ms())
            await bench.step(PARK.actuators[GATE].reversing_pause_s - 1)
        await bench.step(20)
        assert bench.link.sent == [STOP_COIL] * STOPS_MAX
        (told,) = (body for body in bench.said() if body.get("id") == opening and body["state"] == "refused")
        assert [cause["code"] for cause in told["reasons"]] == [STILL_MOVING.code.value]

    play(what)


def test_a_pulse_is_taken_back_when_its_plc_can_be_reached_again() -> None:
    async def what(bench: Watched) -> None:
        bench.command(Action.CLOSE)
        await bench.step(0.25)
        assert bench.link.sent == [CLOSE_COIL]
        bench.link.mode = "lost"
        await bench.step(5)
        assert bench.link.sent == [CLOSE_COIL]
        bench.link.mode = "up"
        await bench.step(5)
        assert bench.link.sent == [CLOSE_COIL, CLOSE_COIL]

    play(what, pulse=Pulse.GATEWAY_RESETS)


def test_a_closure_that_takes_over_while_its_plc_is_lost_stops_the_gate_before_it_turns_it() -> None:
    async def what(bench: Watched) -> None:
        await bench.close()
        bench.open()
        await bench.step(10)
        assert bench.link.sent == [OPEN_COIL]
        bench.link.mode = "lost"
        closing = bench.command(Action.CLOSE)
        await bench.step(5)
        bench.link.mode = "up"
        await bench.step(60)
        assert bench.link.sent == [OPEN_COIL, STOP_COIL, CLOSE_COIL]
        assert bench.state(closing) == "confirmed"

    play(what)


@pytest.mark.parametrize("is_freed", [False, True])
def test_a_gate_last_seen_in_local_is_asked_again_before_it_is_written_to(*, is_freed: bool) -> None:
    async def what(bench: Watched) -> None:
        bench.plc.switch(GATE, is_remote=False, now_ms=bench.clock.now_ms())
        await bench.step(2)
        bench.is_polled = False
        await bench.step(10)
        if is_freed:
            bench.plc.switch(GATE, is_remote=True, now_ms=bench.clock.now_ms())
        closing = bench.command(Action.CLOSE)
        await bench.step(5)
        assert bench.link.sent == [], "the link answers, and nobody knows whether a hand is at the gate"
        bench.is_polled = True
        await bench.step(60)
        assert bench.link.sent == ([CLOSE_COIL] if is_freed else [])
        assert bench.state(closing) == ("confirmed" if is_freed else "refused")

    play(what)


def told_again(bench: Watched, *gone: str) -> None:
    """Start again where the kill fell between the records of these commands and the ledger."""
    field, transcript, ledger, records = bench.parts
    for command in gone:
        ledger._entries.pop((CommandId(command), Phase.OPERATE))
    told = [token for _, token, _ in bench._lane._waiting]
    recover(
        ledger, field, bench.executor, transcript, records,
        epoch="f" * 32, now_ms=bench.clock.now_ms(), left=[b"torn", *told],
    )  # fmt: skip


def test_an_outcome_that_was_told_stands_when_the_kill_fell_before_the_ledger_took_it() -> None:
    async def what(bench: Watched) -> None:
        command = bench.open()
        await bench.step(60)
        ledger = bench.parts[2]
        entry = ledger.entry(CommandId(command), Phase.OPERATE)
        assert entry is not None
        entry.state, entry.record = State.OPERATING, None
        told_again(bench)
        assert bench.state(command) == "confirmed"
        entry = ledger.entry(CommandId(command), Phase.OPERATE)
        assert entry is not None
        assert (entry.state, entry.record is not None) == (State.CONFIRMED, True)

    play(what)


def test_a_refusal_that_was_told_stands_when_the_kill_fell_before_the_ledger_took_it() -> None:
    async def what(bench: Watched) -> None:
        command = bench.command(Action.OPEN)
        assert bench.state(command) == "refused"
        told_again(bench, command)
        entry = bench.parts[2].entry(CommandId(command), Phase.OPERATE)
        assert entry is not None
        assert (entry.state, entry.author) == (State.REFUSED, "wang")

    play(what)


def test_what_only_claims_to_be_a_command_on_its_way_ends_nothing() -> None:
    async def what(bench: Watched) -> None:
        command = bench.open()
        await bench.step(1)
        bench.command(Action.OPEN, Phase.OPERATE, command)  # other bytes: refused, and so it is told
        assert bench.state(command) == "refused"
        told_again(bench)
        assert bench.state(command) == "unknown"
        assert bench.executor.late_move(GATE) is not None

    play(what)
