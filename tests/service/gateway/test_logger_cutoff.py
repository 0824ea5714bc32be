"""A real gateway process: an analyser's logger speaks, the broker hears it, a calibration moves nothing, a spill closes the outlet."""

import asyncio
from pathlib import Path

from domain.quality import Reason
from ingest.judge import Span, judge
from simulators.hj212 import LoggerLink
from simulators.hj212_logger import DataLogger, Instrument, LoggerFault
from tests.service.gateway.logger_park import MN, PASSWORD, write_park, write_passwords
from tests.service.gateway.plcs import HOST
from tests.service.gateway.rig import START_S, Peer, alive, free_port, running
from wire.sparkplug import Metric
from wire.topics import Kind

COD = "hc_analyser/cod"
ANY_TIME = Span(oldest_ms=0, newest_ms=2**53)


def told(peer: Peer, point: str) -> list[Metric]:
    return [item for payload in peer.payloads.values() for item in payload.metrics if item.name == point]


async def test_a_logger_closes_an_outlet_on_good_samples_and_on_no_others(tmp_path: Path) -> None:
    shown = {"w01018": 900.0, "w01014": 500.0}
    calibrating = Instrument(code="w01018", cycle_s=60, flag="C")
    probe = Instrument(code="w01014", cycle_s=1)
    it = DataLogger(
        mn=MN, password=PASSWORD, instruments=[calibrating, probe], measure=lambda code, _: shown[code]
    )
    port = free_port()
    park = write_park(tmp_path / "park")
    async with running(tmp_path, speed=60.0, opened=["hc_outlet"], park=park, start=False) as (rig, peer):
        secrets = write_passwords(tmp_path / "secrets")
        with rig.settings.open("a") as file:
            file.write(f'[loggers]\nhost = "{HOST}"\nport = {port}\npasswords = "{secrets}"\n')
        rig.start_gateway()
        await peer.until(lambda: alive(peer, ["plc_hc"]), timeout_s=START_S)
        link = LoggerLink(it, host=HOST, port=port, clock=rig.page.clock)
        playing = asyncio.ensure_future(link.run())
        try:
            await peer.until(lambda: len({item.timestamp_ms for item in told(peer, COD)}) >= 3)
            assert {item.reason for item in told(peer, COD)} == {Reason.CALIBRATION}
            assert all((item.timestamp_ms or 1) % 60_000 == 0 for item in told(peer, COD))
            assert peer.kinds("cutoff") == []

            it.instruments = [Instrument(code="w01018", cycle_s=60), probe]
            await peer.until(lambda: peer.kinds("cutoff"))
            await peer.until(lambda: peer.value("hc_outlet/closed") is True)
            assert peer.kinds("cutoff")[0].body["rule"] == "cod"
            await peer.until(lambda: any(item.body["beyond"] for item in peer.kinds("crossing")))
            assert it.unanswered == 0
            samples = [item for item in peer.messages if "/DDATA/" in item[0] or item[0].endswith("/history")]
            judged = [judge(topic, data, park=rig.park, believed=ANY_TIME) for topic, data in samples]
            assert judged
            assert all(item is not None and item.name is not None and not item.refused for item in judged)

            it.faults.add(LoggerFault.MUTE)
            await peer.until(lambda: peer.of_kind(Kind.DDEATH))
            await peer.until(lambda: told(peer, COD)[-1].reason is Reason.LINK)
        finally:
            playing.cancel()
            await asyncio.wait([playing])
