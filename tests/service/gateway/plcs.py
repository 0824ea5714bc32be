"""The simulated PLCs of one gateway, on real Modbus ports, calm until a test disturbs them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from domain.ids import FacilityId, GatewayId
from domain.park import Park
from runtime.clock import ClockPage
from simulators.plc.server import PlcServer
from simulators.plc.station import Station, Written

GW = GatewayId("gw_east")
HOST = "127.0.0.1"
CALM = {"ph": 7.2, "conductivity": 500.0, "cod": 20.0, "nh3n": 1.0, "level": 1.0, "volume": 100.0}
"""What instruments show when nothing is wrong."""


@dataclass
class Wrote:
    """One write as a PLC saw it."""

    device: str
    function: int
    address: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Served:
    """One read as a PLC answered it."""

    device: str
    what: tuple[int, int]
    """Function and address."""
    at_s: float
    """Monotonic seconds."""


class Plcs:
    """The simulated PLCs of one gateway."""

    def __init__(self, park: Park, page: ClockPage, ports: dict[str, int], *, opened: Sequence[str]) -> None:
        self.writes: list[Wrote] = []
        self.served_reads = 0
        self.reads: list[Served] = []
        self._page = page
        openings = {FacilityId(name): 1.0 for name in opened}
        self.stations: dict[str, Station] = {}
        self.servers: dict[str, PlcServer] = {}
        for device in park.devices_of(GW):
            if device.logger is not None:
                continue
            station = Station(park, device.id, now_ms=page.clock.now_ms(), openings=openings)
            for point in station.instruments:
                station.image.put(point.ref, CALM.get(point.name, 0.0) if not point.is_boolean else False)
            self.stations[device.id] = station
            self.servers[device.id] = PlcServer(
                station, host=HOST, port=ports[device.id], now_ms=page.clock.now_ms, witness=self
            )

    def wrote(
        self, station: Station, function: int, address: int, values: Sequence[int], results: Sequence[Written]
    ) -> None:
        self.writes.append(Wrote(station.device.id, function, address, tuple(values)))

    def served(self, station: Station, function: int, address: int, values: Sequence[int]) -> None:
        self.served_reads += 1
        at_s = self._page.clock.monotonic()
        self.reads.append(Served(str(station.device.id), (function, address), at_s))

    def now_ms(self) -> int:
        return self._page.clock.now_ms()

    async def run(self) -> None:
        for server in self.servers.values():
            await server.start()
        while True:
            for station in self.stations.values():
                station.tick(self.now_ms())
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        for server in self.servers.values():
            await server.stop()
