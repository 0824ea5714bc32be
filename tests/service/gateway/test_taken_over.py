"""What takes over is itself taken over before it has written: the drive that is on its way is still stopped and rests (I2)."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from domain.command import Action, Phase
from domain.drive import MomentaryCoils, Repeat
from tests.service.gateway.test_random_commands import GATE, Bench


def play(folder: Path, takers: Sequence[Action], *, lost_s: float = 0.0) -> list[str]:
    """Open, let the others take over in one instant, each from the one before, and return what the drive was asked in turn."""

    async def run() -> Bench:
        bench = Bench(folder, Repeat.SAFE, travel_s=8.0)
        await bench.step(1)
        select = bench.command(Action.OPEN, Phase.SELECT)
        bench.command(Action.OPEN, Phase.OPERATE, select)
        await bench.step(2)
        if lost_s:
            bench.link.mode = "lost"
        for taker in takers:
            bench.command(taker)
            await bench.step(lost_s)
        bench.link.mode = "up"
        if lost_s:
            bench.command(takers[-1])
        await bench.step(30)
        return bench

    bench = asyncio.run(run())
    drive = bench.park.actuators[GATE].drive
    assert isinstance(drive, MomentaryCoils)
    names = {drive.open: "open", drive.close: "close", drive.stop: "stop"}
    return [names[address] for address in bench.link.sent]


@pytest.mark.parametrize(
    "takers",
    [
        [Action.CLOSE],
        [Action.STOP, Action.CLOSE],
        [Action.CLOSE, Action.STOP, Action.CLOSE],
        [Action.STOP, Action.STOP, Action.CLOSE],
    ],
)
def test_the_last_closure_stops_the_opening_however_many_took_over(
    tmp_path: Path, takers: list[Action]
) -> None:
    assert play(tmp_path, takers) == ["open", "stop", "close"]


def test_a_closure_that_never_reached_its_plc_leaves_the_next_one_to_stop_the_drive(tmp_path: Path) -> None:
    assert play(tmp_path, [Action.CLOSE], lost_s=70.0) == ["open", "stop", "close"]
