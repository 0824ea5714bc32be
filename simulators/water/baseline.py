"""What the same storm and spills would have done with nobody acting: the measure of every drill.

Runs as fast as it can in a process of its own, beside the run that it is the measure of.
"""

from collections.abc import Sequence
from dataclasses import replace

from simulators.water.model import WaterConfig
from simulators.water.process import WaterProcess
from simulators.water.state import Ledger, Spill


def run_baseline(config: WaterConfig, spills: Sequence[Spill], *, until_ms: int) -> Ledger:
    """Return where the mass is at `until_ms` when every gate stays as `config` has it at the start.

    Makes a folder `baseline` in the config's workspace. Blocks for about 1/500 of the model time. Raises as
    WaterProcess does.
    """
    workspace = config.workspace / "baseline"
    workspace.mkdir(exist_ok=True)
    with WaterProcess(replace(config, workspace=workspace)) as water:
        water.start()
        return water.advance(until_ms, {}, spills).ledger
