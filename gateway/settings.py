"""The settings of one gateway, as its TOML file has them."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, IPvAnyNetwork

from runtime.settings import Block, CommonSettings, Port, TlsBlock


class JournalBlock(Block):
    directory: Path
    """Holds `samples/`, `records/`, the ledger and the sample clock's ceiling."""
    bytes_max: Annotated[int, Field(ge=1_000_000)] = 1_000_000_000
    """Samples beyond it: the oldest goes first. Records are never dropped."""
    age_s_max: Annotated[float, Field(gt=0)] = 30 * 86400.0
    """Model seconds; samples older than that go first."""
    segment_bytes: Annotated[int, Field(ge=10_000)] = 4_000_000
    keep_freed: Path | None = None
    """Folder that takes segments when they are wholly acknowledged; None: they are deleted."""


class FloorsBlock(Block):
    poll_s: Annotated[float, Field(ge=0.001, le=10)] = 0.1
    """Wall seconds: no group is polled faster."""


class LoggersBlock(Block):
    """Where data loggers (数采仪) connect; without it there is no such port."""

    host: str = "0.0.0.0"  # noqa: S104  (loggers come from outside; the firewall says from where)
    port: Port
    passwords: Path
    """Folder with one file for each logger, whose first line is its password (PW)."""
    allow: tuple[IPvAnyNetwork, ...] = ()
    """Networks from which loggers connect, ["10.8.0.0/16"]; empty: from anywhere. The protocol itself hides nothing."""


class GatewaySettings(CommonSettings):
    """Everything a gateway must be told."""

    gateway: str
    journal: JournalBlock
    floors: FloorsBlock = FloorsBlock()
    loggers: LoggersBlock | None = None
    plc_tls: TlsBlock | None = None
    """What we trust of PLCs over TLS, and the certificate that we show them; None: what the machine trusts."""
    device_overrides: Path | None = None
    """JSON file that gives PLCs another host and port than the park's files do."""
    challenge_validity_s: Annotated[float, Field(ge=5, le=600)] = 60.0
    """Wall seconds for which a command may quote a heartbeat's challenge."""
