"""Builds what serves each PLC of a gateway: its image, its link and its poller, with staggered starts."""

from collections.abc import Container

from domain.ids import DeviceId, GatewayId
from domain.park import Park
from gateway.field import Station
from gateway.image import DeviceImage
from gateway.plc import PlcLink
from gateway.poller import Poller
from gateway.telemetry_metrics import TelemetryMetrics
from gateway.timekeeper import Timekeeper
from runtime.clock import Clock

STAGGER_S = 1.0
"""Wall seconds over which the first polls of all PLCs are spread."""


def build_stations(
    park: Park,
    gateway: GatewayId,
    *,
    clock: Clock,
    times: Timekeeper,
    metrics: TelemetryMetrics,
    floor_s: float,
    only: Container[DeviceId] | None = None,
) -> list[Station]:
    """Return the stations of `gateway` in file order; with `only`, those of the devices named."""
    devices = [device for device in park.devices_of(gateway) if only is None or device.id in only]
    stations: list[Station] = []
    for number, device in enumerate(devices):
        actuators = [item for item in park.actuators.values() if item.device == device.id]
        image = DeviceImage(device, list(park.points_of(device.id)), actuators)
        link = PlcLink(device, host=device.host, port=device.port, clock=clock)
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
