"""Opens the store that the settings name: for writing (ingest) or for reading its history (control)."""

from pathlib import Path

from domain.errors import ConfigurationError, Fault
from domain.ids import ParkId
from runtime.clock import Clock
from stores.port import History, TimeSeriesStore
from stores.settings import DAY_MS, StoreSettings
from stores.sqlite import SqliteStore
from stores.sqlite_reader import SqliteHistory


def open_store(settings: StoreSettings, *, park: ParkId, clock: Clock) -> TimeSeriesStore:
    """Return the store for writing. Raises StorageError when an embedded one cannot be written; a remote one is not asked."""
    match settings.kind:
        case "sqlite":
            days = settings.retention_days
            retention_ms = None if days is None else days * DAY_MS
            path = settings.path or Path("store.sqlite")
            return SqliteStore(path, park=park, clock=clock, retention_ms=retention_ms)
        case "victoriametrics":
            from stores.victoria import VictoriaStore

            return VictoriaStore(settings, park=park)
        case "influxdb2":
            from stores.influx import InfluxStore

            return InfluxStore(settings, park=park, token=_token(settings.token_file))


def open_history(settings: StoreSettings, *, park: ParkId) -> History:
    """Return the store for reading; it need not be there yet: each question raises StorageError until it is."""
    match settings.kind:
        case "sqlite":
            return SqliteHistory(settings.path or Path("store.sqlite"), park=park)
        case "victoriametrics":
            from stores.victoria_reader import VictoriaHistory

            return VictoriaHistory(settings, park=park)
        case "influxdb2":
            from stores.influx import InfluxStore

            return InfluxStore(settings, park=park, token=_token(settings.token_file))


def _token(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8").split("\n", 1)[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        fault = Fault(
            file=str(path), line=0, field="store.token_file", kind="unreadable-secret",
            message=f"the token cannot be read: {error}", remedy="name a readable file whose first line is the token",
        )  # fmt: skip
        raise ConfigurationError(fault) from error
