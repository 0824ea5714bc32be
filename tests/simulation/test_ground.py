"""What the simulated world stands on: time that nobody waits for, processes that die without a word, networks, disks and wires."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from domain.errors import LinkLost, LinkTimeout, StorageError
from runtime.clock import ManualClock
from runtime.mqtt import Subscription, Will
from tests.simulation.broker import Broker, SimLink
from tests.simulation.chance import Chance
from tests.simulation.disks import Disk, SimJournal, open_ledger
from tests.simulation.loop import Process, SimLoop, Sleep
from tests.simulation.trace import Delivered, Trace


def loop() -> SimLoop:
    return SimLoop()  # type: ignore[abstract]


def test_a_year_passes_at_once_and_in_order() -> None:
    time, seen = loop(), []

    async def wait(seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append(time.now_s - 1000.0)

    async def main() -> None:
        await asyncio.gather(wait(31_536_000.0), wait(1.0))

    time.run(main())
    assert seen == [1.0, 31_536_000.0]


@pytest.mark.parametrize("steps", range(6))
def test_a_process_is_killed_at_any_await_and_runs_no_finally(steps: int) -> None:
    time, seen = loop(), []
    process = Process("p", 1, time)

    async def work() -> None:
        try:
            for number in range(10):
                seen.append(number)
                await asyncio.sleep(0)
        finally:
            seen.append(-1)

    async def main() -> None:
        process.on_killed = lambda: time.bury(process)
        process.steps_left = steps
        process.start(work())
        await asyncio.sleep(1.0)

    time.run(main())
    assert process.is_dead
    assert seen == list(range(steps))
    time.end()


def test_an_effect_is_the_last_thing_that_a_dying_process_does() -> None:
    time = loop()
    written: list[int] = []
    process = Process("p", 1, time)

    async def work() -> None:
        written.extend(number for number in range(5) if process.affects())
        await asyncio.sleep(0)
        written.append(-1)

    async def main() -> None:
        process.effects_left = 3
        process.start(work())
        await asyncio.sleep(1.0)

    time.run(main())
    assert written == [0, 1, 2]
    assert process.is_dead


def test_a_held_process_goes_on_where_it_was() -> None:
    time, seen = loop(), []
    process = Process("p", 1, time)

    async def work() -> None:
        while True:
            await asyncio.sleep(1.0)
            seen.append(time.now_s - 1000.0)

    async def main() -> None:
        process.start(work())
        await asyncio.sleep(1.5)
        process.hold()
        await asyncio.sleep(10.0)
        process.go_on()
        await asyncio.sleep(1.2)

    time.run(main())
    assert seen[:2] == [1.0, 11.5]


def test_an_error_of_its_own_ends_a_process_and_is_told() -> None:
    time = loop()
    told: list[BaseException] = []
    process = Process("p", 1, time)
    process.on_bug = told.append

    async def work() -> None:
        message = "a bug"
        raise ValueError(message)

    async def main() -> None:
        process.work(work(), "work")
        await asyncio.sleep(1.0)

    time.run(main())
    assert [str(error) for error in told] == ["a bug"]


class Net:
    """A broker with two clients, `a` and `b`."""

    def __init__(self) -> None:
        self.time, self.trace = loop(), Trace(0)
        self.broker = Broker(self.time, self.trace, Chance(3).network, lambda: self.time.now_s)
        self.processes = {name: Process(name, 1, self.time) for name in ("a", "b")}
        self.links = {name: self._link(name) for name in ("a", "b")}

    def _link(self, name: str) -> SimLink:
        return SimLink(
            self.broker,
            self.processes[name],
            self.time,
            client_id=name,
            subscriptions=[Subscription(topic="t/+", qos=1)],
            will=lambda: Will(topic=f"t/{name}", payload=b"gone", qos=1, retain=False),
        )

    async def up(self) -> None:
        for name, link in self.links.items():
            self.processes[name].start(link.run(_nothing))
        await Sleep(self.time, self.time.now_s + 1.0)

    def arrived(self, name: str) -> list[bytes]:
        found = []
        while (message := self.links[name].next_nowait()) is not None:
            found.append(message.payload)
        return found


async def _nothing() -> None:
    """Say nothing at a connection."""


def test_messages_keep_their_order_unless_the_network_delays_them() -> None:
    net = Net()

    async def main() -> None:
        await net.up()
        for number in range(200):
            await net.links["a"].publish("t/x", bytes([number]))
        await asyncio.sleep(1.0)
        assert net.arrived("b") == [bytes([number]) for number in range(200)]
        path = net.broker.path("a")
        path.lost, path.doubled, path.delayed = 0.1, 0.1, 0.2
        for number in range(200):
            await net.links["a"].publish("t/x", bytes([number]))
        await asyncio.sleep(10.0)
        got = net.arrived("b")
        assert sorted(got) != got
        assert len(set(got)) < 200
        assert len(set(got)) < len(got)

    net.time.run(main())


@pytest.mark.parametrize(("keeps", "arrives"), [(True, [b"x"]), (False, [])])
def test_a_cut_loses_what_was_sent_into_it_or_brings_it_late(keeps: bool, arrives: list[bytes]) -> None:
    net = Net()

    async def main() -> None:
        await net.up()
        path = net.broker.path("b")
        path.is_cut, path.keeps = True, keeps
        await net.links["a"].publish("t/x", b"x")
        await asyncio.sleep(3.0)
        assert net.arrived("b") == []
        path.is_cut = False
        net.broker.healed("b")
        await asyncio.sleep(1.0)
        assert net.arrived("b") == arrives

    net.time.run(main())


def test_a_publish_into_a_cut_is_not_answered_and_a_killed_client_is_told_of_by_its_will() -> None:
    net = Net()

    async def main() -> None:
        await net.up()
        net.broker.path("a").is_cut = True
        with pytest.raises(LinkTimeout):
            await net.links["a"].publish("t/x", b"x", qos=1)
        net.links["a"].drop("noticed")
        with pytest.raises(LinkLost):
            await net.links["a"].publish("t/x", b"x", qos=1)
        await asyncio.sleep(1.0)
        assert net.arrived("b") == [b"gone"]

    net.time.run(main())
    assert [event.client for event in net.trace.of(Delivered)].count("b") == 1


def test_a_power_cut_takes_what_was_not_synced(tmp_path: Path) -> None:
    clock, disk = ManualClock(), Disk(tmp_path)

    def opened(epoch: str) -> SimJournal:
        journal = SimJournal.open(tmp_path / "records", gateway="g", epoch=epoch * 32, clock=clock)
        assert isinstance(journal, SimJournal)
        journal.disk, journal.on_kept = disk, lambda offset, is_synced: None
        disk.synced = {path: path.stat().st_size for path in tmp_path.rglob("*.journal")}
        return journal

    journal = opened("a")
    journal.append("t", b"synced", sync=True)
    journal.append("t", b"not synced")
    disk.lose_power()
    assert opened("b").depth == 1
    disk.is_full = True
    with pytest.raises(StorageError):
        opened("c").append("t", b"x")


def test_a_ledger_outlives_its_process_and_takes_nothing_while_the_disk_is_full(tmp_path: Path) -> None:
    held, disk = sqlite3.connect(":memory:", isolation_level=None), Disk(tmp_path)
    ledger = open_ledger(held, disk)
    ledger.raise_term(7)
    ledger.close()
    disk.is_full = True
    again = open_ledger(held, disk)
    assert again.term == 7
    again.raise_term(9)
    assert again.is_failing
    assert open_ledger(held, disk).term == 7
