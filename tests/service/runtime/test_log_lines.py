"""One line for a change of state: an hour of a dead PLC or a dead broker fills no log."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from domain.ids import GatewayId
from gateway.stations import build_stations
from gateway.telemetry_metrics import TelemetryMetrics
from gateway.timekeeper import Timekeeper
from runtime.mqtt import BrokerSettings, MqttLink
from runtime.parkfiles.loading import load_park
from stoplog.demo.ports import free_ports
from tests.fakes.virtual_time import VirtualClock, run

HOST = "127.0.0.1"
GATEWAY = GatewayId("gw_east")
HOUR_S = 3600.0
PARK = load_park(Path(__file__).parents[3] / "parks" / "lingang")


@contextlib.asynccontextmanager
async def silent_server(port: int) -> AsyncIterator[None]:
    """Take connections and answer nothing."""

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, HOST, port)
    async with server:
        yield


async def for_an_hour(*works: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.ensure_future(work) for work in works]
    await asyncio.sleep(HOUR_S)
    assert not [task for task in tasks if task.done()]
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def poll_the_dead(folder: Path, port: int, *, is_silent: bool) -> None:
    clock = VirtualClock()
    dead = replace(next(PARK.devices_of(GATEWAY)), host=HOST, port=port)
    stations = build_stations(
        replace(PARK, devices={**PARK.devices, dead.id: dead}),
        GATEWAY,
        clock=clock,
        times=Timekeeper(folder / "clock.ceiling", clock, is_slewed=True),
        metrics=TelemetryMetrics(CollectorRegistry()),
        floor_s=0.1,
        only={dead.id},
    )
    async with silent_server(port) if is_silent else contextlib.nullcontext():
        await for_an_hour(*(station.poller.run() for station in stations))


@pytest.mark.parametrize("is_silent", [False, True], ids=["refuses", "never answers"])
def test_an_hour_of_a_dead_plc_is_one_line(tmp_path: Path, is_silent: bool) -> None:
    with capture_logs() as lines:
        run(poll_the_dead(tmp_path, free_ports(1)[0], is_silent=is_silent))
    assert [line["event"] for line in lines] == ["device silent"]


def test_an_hour_without_a_broker_is_one_line() -> None:
    async def connect() -> None:
        raise AssertionError

    async def hour() -> int:
        broker = BrokerSettings(host=HOST, port=free_ports(1)[0])
        link = MqttLink(broker, client_id="gw_east", clock=VirtualClock())
        await for_an_hour(link.run(connect))
        return link.connections

    with capture_logs() as lines:
        assert run(hour()) == 0
    assert [line["event"] for line in lines] == ["link down"]
