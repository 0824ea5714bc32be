"""`stoplog spill`: plays an accident in the running demonstration, through the simulators' control socket."""

import asyncio
import tomllib
from pathlib import Path

from domain.errors import LinkLost
from runtime.exits import Exit
from simulators.client import SimulatorClient


def spill(state: Path, enterprise: str, *, kg: float, minutes: float) -> int:
    """Spill `kg` within `minutes` of model time at `enterprise`; return the exit status.

    Raises LinkLost when no demonstration runs in `state`, StoplogError when the simulator refuses.
    """
    settings = state / "settings" / "simulator.toml"
    try:
        port = int(tomllib.loads(settings.read_text(encoding="utf-8"))["control_port"])
    except FileNotFoundError as error:
        raise LinkLost(
            f"no demonstration runs in {state} — start one with `stoplog demo`, or name its folder with --state"
        ) from error
    asyncio.run(_ask(port, enterprise, kg, minutes))
    print(f"{enterprise}: {kg:.0f} kg within {minutes:.0f} min of model time")
    return Exit.OK


async def _ask(port: int, enterprise: str, kg: float, minutes: float) -> None:
    async with SimulatorClient(port) as simulator:
        await simulator.ask("spill", enterprise=enterprise, kg=kg, minutes=minutes)
