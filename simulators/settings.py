"""The simulator's settings file."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from runtime.settings import ParkSettings, Port


class SimulatorSettings(ParkSettings):
    """One simulated park on one machine; `clock` must be a page, which the simulator writes."""

    state: Path
    """Folder for what outlives a restart."""
    host: str = "127.0.0.1"
    """Where the PLCs listen; their ports are the park's, unless overridden."""
    device_overrides: Path | None = None
    """JSON file {"plc_hc_outlet": {"host": …, "port": …}}, the gateways' too."""
    control_port: Port
    """Of the control socket, on the loopback interface."""
    scenario: Path | None = None
    """None: dry weather and nothing else."""
    seed: Annotated[int, Field(ge=0)] | None = None
    """None: the scenario's."""
    speed: Annotated[float, Field(ge=0, le=1000)] = 1.0
    """Model seconds per wall second at the start; a ceiling."""
    writes_log: Path | None = None
    """JSON lines of every Modbus write received; None: `writes.jsonl` in `state`."""
    faults_log: Path | None = None
    """JSON lines of what was played; None: `happenings.jsonl` in `state`."""
    reads_log: Path | None = None
    """Folder for what was served; None: it is not written down."""
    reads_log_bytes_max: Annotated[int, Field(ge=32_000_000)] = 512_000_000
    """Of all its segments; beyond it the oldest goes."""
