"""The `[store]` block of a service's settings."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from runtime.settings import Block

DAY_MS = 86_400_000
SERVER_RETENTION_DAYS = 31
"""What VictoriaMetrics keeps when nobody tells it otherwise."""


class StoreSettings(Block):
    """Which store, and where."""

    kind: Literal["sqlite", "victoriametrics", "influxdb2"] = "sqlite"
    path: Path | None = None
    """SQLite: the database file."""
    url: str | None = None
    """The others: e.g. `http://127.0.0.1:8428`."""
    retention_days: Annotated[int, Field(ge=1)] | None = None
    """SQLite: how long samples are kept; None: for ever. The others: what the server was told to keep; None: 31 days.

    A sample that is older when it comes goes to quarantine, not to nowhere."""
    organisation: str = "stoplog"
    """InfluxDB 2."""
    bucket: str = "stoplog"
    """InfluxDB 2."""
    token_file: Path | None = None
    """InfluxDB 2: its first line is the token."""

    @property
    def server_retention_ms(self) -> int:
        """How long a server keeps samples."""
        return (self.retention_days or SERVER_RETENTION_DAYS) * DAY_MS

    @model_validator(mode="after")
    def _is_placed(self) -> Self:
        if self.kind == "sqlite" and self.path is None:
            message = 'kind = "sqlite" needs path'
            raise ValueError(message)
        if self.kind != "sqlite" and self.url is None:
            message = f'kind = "{self.kind}" needs url'
            raise ValueError(message)
        return self
