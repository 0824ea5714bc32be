"""Builds what serves the data loggers of a gateway: their passwords, their images, and the listener they connect to."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry

from domain.errors import ConfigurationError, Fault
from domain.ids import DeviceId, GatewayId
from domain.park import Device, Park
from gateway.hj212_listener import LoggerListener
from gateway.hj212_logger import LoggerStation, TellLate
from gateway.hj212_metrics import LoggerMetrics
from gateway.image import DeviceImage
from gateway.poller import Observe, Tell
from gateway.settings import LoggersBlock
from gateway.timekeeper import Timekeeper
from runtime.clock import Clock

Start = Callable[[Coroutine[object, object, None], str], asyncio.Task[None]]

PASSWORD_CHARACTERS_MAX = 9
"""HJ 212-2017 has six; some sites use the width of the whole field."""


class Loggers:
    """The data loggers of one gateway; none and no port where the park has none."""

    def __init__(
        self,
        park: Park,
        gateway: GatewayId,
        settings: LoggersBlock | None,
        *,
        clock: Clock,
        times: Timekeeper,
        registry: CollectorRegistry,
    ) -> None:
        """Read the passwords. Raises ConfigurationError when one is missing, or the settings name no port."""
        devices = [device for device in park.devices_of(gateway) if device.logger is not None]
        metrics = LoggerMetrics(registry)
        passwords = _passwords(devices, settings)
        self.stations = tuple(
            LoggerStation(
                DeviceImage(device, list(park.points_of(device.id)), []),
                password=passwords[device.id],
                clock=clock,
                times=times,
                metrics=metrics,
            )
            for device in devices
        )
        self.images = tuple(station.image for station in self.stations)
        self.listener = (
            LoggerListener(
                self.stations,
                host=settings.host,
                port=settings.port,
                allow=settings.allow,
                clock=clock,
                metrics=metrics,
            )
            if settings is not None and devices
            else None
        )

    async def start(
        self,
        tell: Tell,
        tell_late: TellLate,
        observe: Observe,
        *,
        is_full: Callable[[], bool],
        start: Start,
        breathe: Callable[[], None],
    ) -> None:
        """Listen from now on, and give what loggers say to `tell`, `tell_late` and `observe`.

        Nothing is acknowledged to a logger while `is_full`; `breathe` is called at every turn. Raises LinkError when the
        port is taken.
        """
        for station in self.stations:
            station.listen(tell, tell_late, observe)
            station.is_closed_to = is_full
        if self.listener is not None:
            await self.listener.start()
            start(self.listener.work(), "data loggers")
            start(self.listener.tick(breathe), "silence of data loggers")


def _passwords(devices: list[Device], settings: LoggersBlock | None) -> Mapping[DeviceId, str]:
    if not devices:
        return {}
    if settings is None:
        raise ConfigurationError(
            Fault(
                file="settings", line=0, field="loggers", kind="setting",
                message=f"the park has data loggers behind this gateway ({devices[0].id}), and no port to listen on is given",
                remedy="add [loggers] with host, port and passwords (a folder with one file for each logger)",
            )
        )  # fmt: skip
    faults: list[Fault] = []
    found: dict[DeviceId, str] = {}
    for device in devices:
        assert device.logger is not None
        path = settings.passwords / device.logger.password_file
        found[device.id] = _password(path, faults)
    if faults:
        raise ConfigurationError(*faults)
    return found


def _password(path: Path, faults: list[Fault]) -> str:
    """Return the first line of `path`; notes a fault when it is no password."""
    try:
        text = path.read_text(encoding="utf-8").split("\n", 1)[0].strip()
        reason = ""
    except (OSError, UnicodeDecodeError) as error:
        text, reason = "", f"cannot be read: {getattr(error, 'strerror', None) or error}"
    is_fit = (
        0 < len(text) <= PASSWORD_CHARACTERS_MAX and text.isascii() and text.isprintable() and ";" not in text
    )
    if not is_fit:
        faults.append(
            Fault(
                file=str(path), line=0, field="loggers.passwords", kind="unreadable-secret",
                message=reason or "its first line is no logger's password",
                remedy=f"write the logger's PW as the first line: 1 to {PASSWORD_CHARACTERS_MAX} characters without ;",
            )
        )  # fmt: skip
    return text
