"""A listener of data loggers on a real socket, and loggers that play at it, for the tests beside."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry

from domain.ids import GatewayId
from gateway.hj212_listener import LoggerListener
from gateway.hj212_stations import Loggers
from gateway.image import DeviceImage, Rows, Told, ToldColumns
from gateway.poller import Turn
from gateway.settings import LoggersBlock
from gateway.timekeeper import Timekeeper
from runtime.clock import ClockPage
from runtime.parkfiles.loading import load_park
from simulators.hj212 import LoggerLink
from simulators.hj212_logger import DataLogger, Instrument
from tests.service.gateway.logger_park import MN, PASSWORD, write_park, write_passwords
from wire.hj212 import Frame, crc, encode
from wire.hj212_body import write_time
from wire.hj212_stream import FrameStream

START_MS = 1_770_000_000_000
SPEED = 120.0
WAIT_S = 15.0
COD, HG = "w01018", "w20111"


@dataclass
class Bench:
    """The listener and who hears it."""

    loggers: Loggers
    page: ClockPage
    told: list[tuple[str, Turn, dict[str, Told]]] = field(default_factory=list)
    late: list[dict[str, int]] = field(default_factory=list)
    observed: int = 0
    is_full: bool = False
    breaths: int = 0
    links: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def listener(self) -> LoggerListener:
        assert self.loggers.listener is not None
        return self.loggers.listener

    def tell(self, image: DeviceImage, rows: Rows, turn: Turn) -> None:
        named = {item.point.name: item for item in image.told(rows.tolist())}
        self.told.append((image.device.id, turn, named))

    def tell_late(self, image: DeviceImage, rows: Rows, told: ToldColumns) -> None:
        names = [image.points[row].name for row in rows.tolist()]
        self.late.append(dict(zip(names, told.observed_ms.tolist(), strict=True)))

    def observe(self, image: DeviceImage) -> None:
        self.observed += 1

    def breathe(self) -> None:
        self.breaths += 1

    def turns(self, device: str = "log_hc") -> list[Turn]:
        return [turn for name, turn, _ in self.told if name == device and turn is not Turn.DATA]

    def of(self, point: str, device: str = "log_hc") -> list[Told]:
        return [named[point] for name, _, named in self.told if name == device and point in named]

    def image(self, device: str = "log_hc") -> DeviceImage:
        return next(image for image in self.loggers.images if image.device.id == device)

    def play(self, logger: DataLogger) -> LoggerLink:
        link = LoggerLink(logger, host="127.0.0.1", port=self.listener.port, clock=self.page.clock)
        self.links.append(asyncio.ensure_future(link.run()))
        return link


@contextlib.asynccontextmanager
async def bench(folder: Path, **changes: tuple[str, str]) -> AsyncIterator[Bench]:
    park = load_park(write_park(folder / "park", **changes))
    page = ClockPage(folder / "clock.page", start_ms=START_MS, speed=SPEED)
    settings = LoggersBlock(host="127.0.0.1", port=1, passwords=write_passwords(folder / "secrets"))
    settings = settings.model_copy(update={"port": 0})
    loggers = Loggers(
        park, GatewayId("gw_east"), settings, clock=page.clock,
        times=Timekeeper(folder / "ceiling", page.clock, is_slewed=False), registry=CollectorRegistry(),
    )  # fmt: skip
    here = Bench(loggers, page)
    tasks: list[asyncio.Task[None]] = []

    def start(coro: object, name: str) -> asyncio.Task[None]:
        tasks.append(asyncio.ensure_future(coro))  # type: ignore[arg-type]
        return tasks[-1]

    await loggers.start(
        here.tell,
        here.tell_late,
        here.observe,
        is_full=lambda: here.is_full,
        start=start,
        breathe=here.breathe,
    )
    try:
        yield here
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in (*here.links, *tasks):
            task.cancel()
        await asyncio.wait([*here.links, *tasks])
        await asyncio.sleep(0)


async def until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not what():  # noqa: ASYNC110  (what is waited for has no event of its own)
            await asyncio.sleep(0.02)


def data(at_ms: int, rows: str, mn: str = MN) -> bytes:
    cp = f"DataTime={write_time(at_ms)};{rows}"
    return encode(
        Frame(qn=write_time(at_ms, is_fine=True), st="32", cn="2011", pw=PASSWORD, mn=mn, flag=5, cp=cp)
    )


def wrong_mn(number: int) -> bytes:
    return data(START_MS, "w01014-Rtd=1", mn=f"{number:024d}")


def logger(mn: str = MN, **values: float) -> DataLogger:
    """A logger whose probes answer by the second and whose COD analyser takes five minutes."""
    shown = {"w01014": 500.0, "w01001": 7.2, "w00000": 10.0, COD: 38.5, HG: 50.0} | values
    instruments = [Instrument(code=code, cycle_s=1) for code in ("w01014", "w01001", "w00000")]
    instruments += [Instrument(code=COD, cycle_s=300), Instrument(code=HG, cycle_s=300)]
    return DataLogger(
        mn=mn, password=PASSWORD, instruments=instruments, measure=lambda code, _: shown[code], realtime_s=30
    )


def framed(segment: bytes) -> bytes:
    return b"##%04d%s%04X\r\n" % (len(segment), segment, crc(segment))


async def say(here: Bench, packet: bytes) -> list[Frame]:
    """Send one packet on a connection of its own; return what comes back within a moment, requests left out."""
    reader, writer = await asyncio.open_connection("127.0.0.1", here.listener.port)
    writer.write(packet)
    stream, heard = FrameStream(), []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.6):
            while chunk := await reader.read(4096):
                heard += [item for item in stream.feed(chunk) if isinstance(item, Frame)]
                if any(item.cn == "9014" for item in heard):
                    break
    writer.close()
    return [item for item in heard if item.cn == "9014"]
