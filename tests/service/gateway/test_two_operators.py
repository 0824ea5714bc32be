"""Two operators press open and close on one gate at once, a thousand times: one owner, the closure wins, and says who it was (I2)."""

import asyncio
import random
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from domain.command import Action, Phase
from domain.drive import Repeat
from tests.service.gateway.test_random_commands import GATE, STEP_S, Bench

ROUNDS = 1000
SEED = 6
TRAVEL_S = 4 * STEP_S
"""Half of it is longer than the two presses are apart."""
SHM = Path("/dev/shm")
OPENER, CLOSER = "wang", "li"


async def both(bench: Bench, chance: random.Random) -> str:
    """Let both press within one step of each other; return how the opening ended."""
    bench._lane._waiting.clear()
    half = replace(bench.plc.actuators[GATE], opening=0.5, target=None)
    bench.plc.restore({GATE: half}, bench.clock.now_ms())
    await bench.step(STEP_S)
    select = bench.command(Action.OPEN, Phase.SELECT, author=OPENER)
    presses = [Action.OPEN, Action.CLOSE]
    chance.shuffle(presses)
    commands: dict[Action, str] = {}
    for action in presses:
        if action is Action.OPEN:
            commands[action] = bench.command(action, Phase.OPERATE, select, author=OPENER)
        else:
            commands[action] = bench.command(action, author=CLOSER)
        for _ in range(chance.randrange(5)):
            await asyncio.sleep(0)
        if chance.random() < 0.3:
            await bench.step(STEP_S)
    await bench.step(STEP_S)
    assert bench.executor.executing(GATE) in {Action.CLOSE, None}
    assert bench.executor.owner(GATE) in {CLOSER, ""}
    # The drive rests between two directions; then the closure goes on to its proof, whatever happened before.
    for _ in range(200):
        if bench.executor.owner(GATE) == "":
            break
        await bench.step(STEP_S)
    told = [body for body in bench.said() if body.get("phase") == "operate"]
    opening, closing = (ends(told, commands[action]) for action in (Action.OPEN, Action.CLOSE))
    assert opening[-1]["state"] in {"refused", "preempted"}, [body["state"] for body in opening]
    assert opening[-1]["reasons"][0]["values"]["by"] == CLOSER
    assert [body["state"] for body in closing] == ["operating", "confirmed"]
    bench.tasks = [task for task in bench.tasks if not task.done()]
    return str(opening[-1]["state"])


def ends(told: list[dict[str, Any]], command: str) -> list[dict[str, Any]]:
    return [body for body in told if body["id"] == command]


def test_a_thousand_times_the_closure_wins_and_the_other_learns_who_won() -> None:
    place = SHM if SHM.is_dir() else None

    async def rounds() -> Counter[str]:
        chance = random.Random(SEED)
        # In memory where there is such a place: it is not the disk that is tried.
        with tempfile.TemporaryDirectory(dir=place) as folder:
            bench = Bench(Path(folder), Repeat.SAFE, travel_s=TRAVEL_S)
            await bench.step(1)
            return Counter([await both(bench, chance) for _ in range(ROUNDS)])

    with capture_logs():
        ended = asyncio.run(rounds())
    assert ended.total() == ROUNDS
    assert min(ended["refused"], ended["preempted"]) > ROUNDS / 10
