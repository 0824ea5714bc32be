"""Connects a simulated data logger to a host and speaks HJ 212 with it, for tests and for trying out a gateway by hand.

`python -m simulators.hj212 --port 9212 --mn 320684000100A00000000001 --password 123456` plays one with the usual factors of
a rain outlet. What it says is the logger's business; here are the socket and the faults of a line.
"""

import argparse
import asyncio
import contextlib
import math
import sys

from runtime.clock import Clock, RealClock
from simulators.hj212_logger import DataLogger, Instrument, LoggerFault
from wire.hj212 import Frame, encode
from wire.hj212_stream import FrameStream

TICK_S = 0.1
"""Wall seconds between looks at what falls due."""
RETRY_S = 0.5
"""Wall seconds between attempts to connect."""
RUBBISH = b"##0999\x00\xff\r##"


class LoggerLink:
    """One logger and its connection, repaired when lost."""

    def __init__(self, logger: DataLogger, *, host: str, port: int, clock: Clock) -> None:
        self.logger = logger
        self.connections = 0
        self.sent = 0
        self.heard: list[Frame] = []
        """Packets of the host, the last thousand."""
        self._host = host
        self._port = port
        self._clock = clock
        self._writer: asyncio.StreamWriter | None = None

    def cut(self) -> None:
        """Reset the connection."""
        if self._writer is not None:
            self._writer.transport.abort()

    async def run(self) -> None:
        """Stay connected and speak, for ever."""
        try:
            while True:
                with contextlib.suppress(OSError):
                    await self._session()
                await self._clock.sleep(0.0, floor_s=RETRY_S)
        finally:
            self.cut()

    async def _session(self) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        self._writer = writer
        self.connections += 1
        stream = FrameStream()
        try:
            while not reader.at_eof():
                now_ms, now_s = self._clock.now_ms(), self._clock.monotonic()
                for frame in self.logger.due(now_ms, now_s=now_s):
                    await self._send(writer, frame)
                data = b""
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(TICK_S):
                        data = await reader.read(4096)
                for item in stream.feed(data):
                    if isinstance(item, Frame):
                        self.heard = [*self.heard[-999:], item]
                        for answer in self.logger.hear(item, now_ms):
                            await self._send(writer, answer)
        finally:
            writer.close()

    async def _send(self, writer: asyncio.StreamWriter, frame: Frame) -> None:
        faults, data = self.logger.faults, encode(frame)
        if LoggerFault.WRONG_CRC in faults:
            data = data[:-6] + (b"0000" if data[-6:-2] != b"0000" else b"0001") + b"\r\n"
        if LoggerFault.GARBAGE in faults:
            data = RUBBISH + data
        self.sent += 1
        if LoggerFault.DRIP not in faults:
            writer.write(data)
            await writer.drain()
            return
        for at in range(len(data)):
            writer.write(data[at : at + 1])
            await writer.drain()
            await asyncio.sleep(0)


def example(mn: str, password: str) -> DataLogger:
    """Return a logger of a rain outlet: probes by the second, analysers by the quarter hour."""

    def measure(code: str, at_ms: int) -> float:
        base = {"w00000": 12.5, "w01001": 7.2, "w01014": 412.0, "w01018": 38.5, "w21003": 0.86}[code]
        return base * (1 + 0.05 * math.sin(at_ms / 600_000 + len(code)))

    instruments = [Instrument(code=code, cycle_s=1) for code in ("w00000", "w01001", "w01014")]
    instruments += [Instrument(code=code, cycle_s=900) for code in ("w01018", "w21003")]
    return DataLogger(mn=mn, password=password, instruments=instruments, measure=measure)


def main() -> None:
    """Play one logger until interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m simulators.hj212", description=sys.modules[__name__].__doc__
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mn", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--fault", type=LoggerFault, action="append", default=[], choices=list(LoggerFault))
    asked = parser.parse_args()
    logger = example(asked.mn, asked.password)
    logger.faults.update(asked.fault)
    link = LoggerLink(logger, host=asked.host, port=asked.port, clock=RealClock())
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(link.run())


if __name__ == "__main__":
    main()
