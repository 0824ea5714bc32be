"""The settings of an ingest worker."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from runtime.settings import CommonSettings
from stores.settings import StoreSettings


class IngestSettings(CommonSettings):
    """One worker. Several share the load only where broker and store allow it: `shared`, and no SQLite store."""

    store: StoreSettings
    database: Path
    """SQLite database of its own: quarantine and text points. Workers of one park share it, so they run on one machine."""
    worker: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")] = "w1"
    """Its name among the workers of a park."""
    shared: bool = False
    """Use a shared subscription: mosquitto and EMQX have it, amqtt grants it and delivers nothing."""
    queue_max: Annotated[int, Field(ge=1)] = 20_000
    queue_bytes_max: Annotated[int, Field(ge=1_000_000)] = 64_000_000
    """Payloads waiting to be stored, and their bytes; when full the oldest goes, unacknowledged, and comes again from its journal."""
