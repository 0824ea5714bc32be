"""Takes a changed configuration at run time: checked beside the running loop, refused with its faults or applied, and counted.

What applying means is each service's own; here is only that a bad one changes nothing and that everybody can see it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge

from domain.errors import ConfigurationError, Fault
from domain.ids import ParkId
from runtime.clock import Clock
from runtime.log import Logger

FAULTS_SAID_MAX = 20
"""Faults of one refused configuration that are logged and shown; `stoplog check` names all."""

Loaded = TypeVar("Loaded")


class Reloading(Generic[Loaded]):
    """The reload of one service."""

    def __init__(
        self,
        load: Callable[[], Loaded],
        apply: Callable[[Loaded], Awaitable[str]],
        *,
        registry: CollectorRegistry,
        wall: Clock,
        log: Logger,
    ) -> None:
        """`load` is run in a thread; `apply` returns what it did in words. Both raise ConfigurationError to refuse."""
        self._load = load
        self._apply = apply
        self._wall = wall
        self._log = log
        self._faults: tuple[Fault, ...] = ()
        self._since_ms = wall.now_ms()
        self._reloads = Counter(
            "stoplog_configuration_reloads",
            "Configurations that were asked to be read again, by what came of it.",
            ["result"],
            registry=registry,
        )
        for result in ("applied", "refused"):
            self._reloads.labels(result)
        self._is_good = Gauge(
            "stoplog_configuration_last_reload_successful",
            "1 unless the configuration read last was refused: the one before it is still in force.",
            registry=registry,
        )
        self._is_good.set(1)
        self._applied_at = Gauge(
            "stoplog_configuration_applied_timestamp_seconds",
            "When the configuration in force was taken, seconds since 1970.",
            registry=registry,
        )
        self._applied_at.set(self._since_ms / 1000)

    async def run(self) -> None:
        """Read the configuration again, once."""
        try:
            done = await self._apply(await asyncio.to_thread(self._load))
        except ConfigurationError as error:
            self._refuse(error.faults)
        else:
            self._faults, self._since_ms = (), self._wall.now_ms()
            self._applied_at.set(self._since_ms / 1000)
            self._is_good.set(1)
            self._reloads.labels("applied").inc()
            self._log.info("configuration applied", done=done)

    def detail(self) -> dict[str, object]:
        """Return since when the configuration in force is, and why a newer one was refused."""
        return {
            "applied_ms": self._since_ms,
            "is_newest": not self._faults,
            "faults": [str(fault) for fault in self._faults[:FAULTS_SAID_MAX]],
        }

    def _refuse(self, faults: tuple[Fault, ...]) -> None:
        self._faults = faults
        self._is_good.set(0)
        self._reloads.labels("refused").inc()
        self._log.error("configuration refused, the old one stays", faults=len(faults))
        for fault in faults[:FAULTS_SAID_MAX]:
            self._log.error(
                "fault",
                file=fault.file,
                line=fault.line,
                field=fault.field,
                message=fault.message,
                remedy=fault.remedy,
            )


def refuse_another(was: ParkId, now: ParkId, part: str) -> None:
    """Raise ConfigurationError when the park is another one: sessions, journals and series are named by it."""
    if now != was:
        raise ConfigurationError(
            Fault(
                file="park.yaml", line=0, field="id", kind="needs-restart",
                message=f"the park was {was!r} and is {now!r} now",
                remedy=f"restart {part} to give it to another park",
            )
        )  # fmt: skip
