"""A gateway killed with -9 while loggers speak: what it has acknowledged with 9014 it has, and what it has not comes again."""

import asyncio
from pathlib import Path

from simulators.hj212 import LoggerLink
from simulators.hj212_logger import DataLogger, Instrument, LoggerFault
from tests.service.gateway.logger_park import MN, PASSWORD, write_park, write_passwords
from tests.service.gateway.plcs import HOST
from tests.service.gateway.rig import START_S, Peer, alive, free_port, running
from wire.hj212_body import read_body, read_time

POINT = "hc_analyser/conductivity"


def told(peer: Peer) -> list[tuple[int | None, object]]:
    return [
        (metric.timestamp_ms, metric.value)
        for payload in peer.payloads.values()
        for metric in payload.metrics
        if metric.name == POINT and metric.reason is None
    ]


def answered(it: DataLogger) -> set[int]:
    """Times of the data whose receipt the gateway has said."""
    times = [read_body(frame.cp).parameters["DataTime"] for frame in it.answered if frame.cn == "2011"]
    return {read_time(at) for at in times}


async def test_what_was_acknowledged_was_kept_and_nothing_is_told_as_another_value(tmp_path: Path) -> None:
    """Every value is the number of its second, so that store and logger can be compared one by one."""
    probe = Instrument(code="w01014", cycle_s=1)
    it = DataLogger(
        mn=MN, password=PASSWORD, instruments=[probe], measure=lambda _, at_ms: at_ms / 1000 % 20_000
    )
    port = free_port()
    park = write_park(tmp_path / "park")
    async with running(tmp_path, speed=60.0, park=park, start=False) as (rig, peer):
        secrets = write_passwords(tmp_path / "secrets")
        with rig.settings.open("a") as file:
            file.write(f'[loggers]\nhost = "{HOST}"\nport = {port}\npasswords = "{secrets}"\n')
        rig.start_gateway()
        await peer.until(lambda: alive(peer, ["plc_hc"]), timeout_s=START_S)
        link = LoggerLink(it, host=HOST, port=port, clock=rig.page.clock)
        playing = asyncio.ensure_future(link.run())
        try:
            for _ in range(2):
                count = len(told(peer))
                await peer.until(lambda before=count: len(told(peer)) >= before + 4)  # type: ignore[misc]
                rig.kill_gateway()
                rig.start_gateway()
            connections = link.connections
            await peer.until(lambda: link.connections > connections or len(told(peer)) >= 10)
            await peer.until(lambda: it.waiting <= 1 and len(answered(it)) >= 10, timeout_s=60)
            it.faults.add(LoggerFault.MUTE)
            acknowledged = answered(it)
            await peer.until(lambda: acknowledged <= {at_ms for at_ms, _ in told(peer)})
        finally:
            playing.cancel()
            await asyncio.wait([playing])
        assert len(acknowledged) >= 10
        for at_ms, value in told(peer):
            assert at_ms is not None
            assert value == at_ms // 1000 % 20_000
