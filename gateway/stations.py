"""Builds what serves each PLC of a gateway: its image, its link and its poller, with staggered starts."""

import ssl
from collections.abc import Container

from domain.connection import Serial, Transport
from domain.errors import ConfigurationError, Fault
from domain.ids import DeviceId, GatewayId
from domain.park import Device, Park
from gateway.field import Station
from gateway.image import DeviceImage
from gateway.modbus_line import Line
from gateway.modbus_ways import Rtu, Tcp, Way
from gateway.plc import PlcLink
from gateway.poller import Poller
from gateway.telemetry_metrics import TelemetryMetrics
from gateway.timekeeper import Timekeeper
from runtime.clock import Clock
from runtime.settings import TlsBlock
from wire.modbus_frames import RtuFrames

STAGGER_S = 1.0
"""Wall seconds over which the first polls of all PLCs are spread."""


class Lines:
    """The lines to PLCs: one for each PLC over TCP, one for all units of a serial device."""

    def __init__(self, clock: Clock, *, tls: ssl.SSLContext | None = None) -> None:
        """`tls` is used with PLCs that want it; None: as the machine trusts, without a certificate of ours."""
        self._clock = clock
        self._tls = tls
        self._serial: dict[Serial, Line] = {}

    def of(self, device: Device) -> Line:
        """Return the line to `device`."""
        serial = device.serial
        if serial is None:
            return Line(self._tcp(device), clock=self._clock)
        if serial not in self._serial:
            self._serial[serial] = Line(Rtu(port=serial), clock=self._clock)
        return self._serial[serial]

    def _tcp(self, device: Device) -> Way:
        match device.transport:
            case Transport.TLS:
                tls = self._tls = self._tls or ssl.create_default_context()
                return Tcp(host=device.host, port=device.port, tls=tls, server_name=device.server_name)
            case Transport.RTU_OVER_TCP:
                return Tcp(host=device.host, port=device.port, make_frames=RtuFrames)
            case _:
                return Tcp(host=device.host, port=device.port)


def trust(block: TlsBlock | None) -> ssl.SSLContext | None:
    """Return what a gateway trusts of PLCs over TLS, and shows them. Raises ConfigurationError naming the file."""
    if block is None:
        return None
    try:
        context = ssl.create_default_context(cafile=str(block.ca))
        if block.certificate is not None:
            context.load_cert_chain(block.certificate, block.key)
    except OSError as error:
        fault = Fault(
            file=str(error.filename or block.ca),
            line=0,
            field="plc_tls",
            kind="setting",
            message=f"cannot be used: {error.strerror or error}",
            remedy="give PEM files: ca, and certificate with key where the PLCs ask for them",
        )
        raise ConfigurationError(fault) from error
    return context


def build_stations(
    park: Park,
    gateway: GatewayId,
    *,
    clock: Clock,
    times: Timekeeper,
    metrics: TelemetryMetrics,
    floor_s: float,
    lines: Lines | None = None,
    only: Container[DeviceId] | None = None,
) -> list[Station]:
    """Return the stations of `gateway` in file order; with `only`, those of the devices named."""
    lines = lines or Lines(clock)
    devices = [
        device
        for device in park.devices_of(gateway)
        if device.logger is None and (only is None or device.id in only)
    ]
    stations: list[Station] = []
    for number, device in enumerate(devices):
        actuators = [item for item in park.actuators.values() if item.device == device.id]
        image = DeviceImage(device, list(park.points_of(device.id)), actuators)
        link = PlcLink(device, lines.of(device))
        poller = Poller(
            image,
            link,
            clock=clock,
            times=times,
            metrics=metrics,
            start_after_s=STAGGER_S * number / len(devices),
            floor_s=floor_s,
        )
        stations.append(Station(image=image, link=link, poller=poller))
    return stations
