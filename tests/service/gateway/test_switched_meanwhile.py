"""What came to stand against a command after it was admitted: asked again right before the bytes (I6, I7)."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from domain.command import Action, Phase
from domain.drive import Repeat, Write
from tests.service.gateway.test_random_commands import GATE, Bench


def play(folder: Path, scene: Callable[[Bench], Awaitable[None]]) -> Bench:
    async def run() -> Bench:
        bench = Bench(folder, Repeat.SAFE)
        await bench.step(1)
        await scene(bench)
        await bench.step(100)
        return bench

    return asyncio.run(run())


def test_a_switch_to_local_during_the_reversing_pause_keeps_the_closure_back(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        select = bench.command(Action.OPEN, Phase.SELECT)
        bench.command(Action.OPEN, Phase.OPERATE, select)
        await bench.step(2)
        bench.command(Action.CLOSE)
        await bench.step(0.5)  # the stop is out, the drive rests
        bench.plc.switch(GATE, is_remote=False, now_ms=bench.clock.now_ms())

    bench = play(tmp_path, scene)
    assert len(bench.link.sent) == 2, "the opening and the stop, and no closing"
    closed = [body for body in bench.said() if body["action"] == "close"]
    assert [body["state"] for body in closed] == ["refused"]
    assert closed[0]["reasons"][0]["code"] == "blocked-by-switching-hierarchy"


def test_a_switch_to_local_while_the_plc_was_away_keeps_the_closure_back(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.link.mode = "lost"
        bench.command(Action.CLOSE)
        await bench.step(2)
        bench.plc.switch(GATE, is_remote=False, now_ms=bench.clock.now_ms())
        await bench.step(0.25)
        bench.link.mode = "up"

    bench = play(tmp_path, scene)
    assert bench.link.sent == []
    assert [body["state"] for body in bench.said() if body["action"] == "close"] == ["refused"]


def test_a_closure_whose_stop_was_kept_back_does_not_turn_the_drive_without_it(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        select = bench.command(Action.OPEN, Phase.SELECT)
        bench.command(Action.OPEN, Phase.OPERATE, select)
        await bench.step(2)
        write = bench.link.write

        def switched(*, is_remote: bool) -> None:
            bench.plc.switch(GATE, is_remote=is_remote, now_ms=bench.clock.now_ms())
            bench._poll()

        async def chattering(wanted: Write, *, permit: Callable[[], bool]) -> None:
            bench.link.write = write  # type: ignore[method-assign]
            switched(is_remote=False)
            try:
                await write(wanted, permit=permit)
            finally:
                switched(is_remote=True)

        bench.link.write = chattering  # type: ignore[method-assign]
        bench.command(Action.CLOSE)

    bench = play(tmp_path, scene)
    assert len(bench.link.sent) == 1, "the opening: a turn takes a stop and a pause"
    closed = [body for body in bench.said() if body["action"] == "close"]
    assert [body["state"] for body in closed] == ["refused"]
    assert closed[0]["reasons"][0]["code"] == "blocked-by-switching-hierarchy"


def test_a_definition_that_changes_during_the_pause_keeps_the_opening_back(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.plc.jam(GATE, at=0.3, now_ms=bench.clock.now_ms())
        bench.command(Action.CLOSE)
        await bench.step(150)
        select = bench.command(Action.OPEN, Phase.SELECT)
        bench.command(Action.OPEN, Phase.OPERATE, select)
        await bench.step(0.5)  # the closing was not proved: a stop is out, and the drive rests
        assert len(bench.link.sent) == 2
        drive, _ = bench.definition
        bench.desk._definitions[str(GATE)] = (drive, "f" * 16)  # as when the park's files are loaded again

    bench = play(tmp_path, scene)
    assert len(bench.link.sent) == 2, "the closing and the stop, and no opening"
    opened = [body for body in bench.said() if body["action"] == "open" and body["phase"] == "operate"]
    assert [body["state"] for body in opened] == ["refused"]
    assert opened[0]["reasons"][0]["code"] == "definition-mismatch"


def test_a_stop_that_waits_for_its_turn_until_the_selector_is_old_is_not_written_in_local(
    tmp_path: Path,
) -> None:
    async def scene(bench: Bench) -> None:
        bench.plc.switch(GATE, is_remote=False, now_ms=bench.clock.now_ms())
        await bench.step(0.5)
        bench.is_polled = False
        await bench.step(30)
        write = bench.link.write

        async def queueing(wanted: Write, *, permit: Callable[[], bool]) -> None:
            bench.link.write = write  # type: ignore[method-assign]
            bench.clock.advance(30)
            await write(wanted, permit=permit)

        bench.link.write = queueing  # type: ignore[method-assign]
        bench.command(Action.STOP)
        await bench.step(0.25)
        bench._poll()
        await bench.step(0.5)
        assert bench.link.write == write, "it was on its way"
        bench.is_polled = True

    bench = play(tmp_path, scene)
    assert bench.link.sent == []
    stopped = [body for body in bench.said() if body["action"] == "stop"]
    assert [body["state"] for body in stopped] == ["refused"]
    assert stopped[0]["reasons"][0]["code"] == "blocked-by-switching-hierarchy"
