"""The listener on real sockets: loggers with their faults, strangers, floods; what is told, and what is answered."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from domain.errors import ConfigurationError, LinkError
from domain.ids import GatewayId
from domain.quality import Quality, Reason
from gateway.hj212_listener import FAULTS_MAX, STRANGER_FAULTS_MAX, STRANGERS_MAX, LoggerListener
from gateway.hj212_stations import Loggers
from gateway.image import DeviceImage, Rows, Told, ToldColumns
from gateway.poller import Turn
from gateway.settings import LoggersBlock
from gateway.timekeeper import Timekeeper
from runtime.clock import ClockPage
from runtime.parkfiles.loading import load_park
from simulators.hj212 import LoggerLink
from simulators.hj212_logger import DataLogger, Instrument, LoggerFault
from tests.service.gateway.logger_park import MN, OTHER_MN, PASSWORD, write_park, write_passwords
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


async def test_a_logger_is_born_shown_by_its_own_times_and_answered(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        link = here.play(logger())
        await until(lambda: len(here.of("conductivity")) >= 3 and here.of("cod"))
        assert Turn.BIRTH in here.turns()
        cod, flow, mercury = here.of("cod")[0], here.of("flow")[0], here.of("mercury")[0]
        assert (cod.value, cod.quality, cod.observed_ms % 300_000) == (38.5, Quality.GOOD, 0)
        assert (flow.value, mercury.value) == (pytest.approx(36.0), pytest.approx(0.05))
        times = [item.observed_ms for item in here.of("conductivity")]
        assert times == sorted(set(times))
        await until(lambda: not link.logger.waiting)
        assert link.logger.unanswered == 0
        assert {frame.cn for frame in link.heard} >= {"9014", "2051"}
        assert here.observed >= 3
        assert here.image().is_alive
        assert here.breaths > 0
        assert here.turns("log_section") in ([], [Turn.DEATH])


@pytest.mark.parametrize(
    "fault", [LoggerFault.SPLIT, LoggerFault.DRIP, LoggerFault.GARBAGE, LoggerFault.HALF_SPLIT]
)
async def test_a_logger_that_is_hard_to_read_is_read(tmp_path: Path, fault: LoggerFault) -> None:
    async with bench(tmp_path) as here:
        it = logger()
        it.faults.add(fault)
        here.play(it)
        await until(lambda: len(here.of("conductivity")) >= 2)
        if fault is not LoggerFault.HALF_SPLIT:
            await until(lambda: here.of("cod") and not it.waiting)


@pytest.mark.parametrize("fault", [LoggerFault.WRONG_CRC, LoggerFault.WRONG_PASSWORD])
async def test_a_logger_that_cannot_be_believed_is_not_and_is_not_answered(
    tmp_path: Path, fault: LoggerFault
) -> None:
    async with bench(tmp_path) as here:
        it = logger()
        it.faults.add(fault)
        link = here.play(it)
        await until(lambda: link.sent >= 2)
        assert here.turns() in ([], [Turn.DEATH])
        assert link.heard == []
        it.faults.clear()
        await until(lambda: Turn.BIRTH in here.turns())


async def test_a_frozen_sample_time_is_stale_though_data_time_moves(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        it = logger()
        here.play(it)
        await until(lambda: len(here.of("conductivity")) >= 2)
        it.faults.add(LoggerFault.FROZEN)
        await until(lambda: here.of("conductivity")[-1].reason is Reason.STALE)
        assert here.of("conductivity")[-1].quality is Quality.UNCERTAIN
        assert here.image().is_alive
        row = here.image().row_of[next(p.ref for p in here.image().points if p.name == "conductivity")]
        clock = here.page.clock
        assert not here.image().reading(row, now_s=clock.monotonic(), speed=clock.speed).is_trusted
        it.faults.clear()
        await until(lambda: here.of("conductivity")[-1].quality is Quality.GOOD)


async def test_silence_is_a_death_and_a_bad_link_and_what_was_missed_is_fetched(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        it = logger()
        here.play(it)
        await until(lambda: here.of("conductivity"))
        it.faults.add(LoggerFault.MUTE)
        await until(lambda: here.turns()[-1] is Turn.DEATH)
        last = here.of("cod")[-1]
        assert (last.quality, last.reason) == (Quality.BAD, Reason.LINK)
        it.results.clear()
        it.faults.clear()
        await until(lambda: here.turns()[-1] is Turn.BIRTH)
        await until(lambda: "2051" in it.results)
        assert "1012" not in it.results


async def test_the_clock_is_set_only_where_the_park_says_so(tmp_path: Path) -> None:
    async with bench(tmp_path, gateways_yaml=("history_s: 7200", "sets_clock: true")) as here:
        it = logger()
        here.play(it)
        await until(lambda: it.results == ["1012"])


async def test_a_clock_that_is_ahead_is_doubted(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        it = logger()
        it.faults.add(LoggerFault.CLOCK_AHEAD)
        here.play(it)
        await until(lambda: here.of("conductivity"))
        first = here.of("conductivity")[0]
        assert (first.quality, first.reason) == (Quality.UNCERTAIN, Reason.CLOCK)
        assert first.observed_ms <= here.page.clock.now_ms()


async def test_late_data_is_told_as_history_and_changes_no_present(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        here.play(logger())
        await until(lambda: here.of("conductivity"))
        before = len(here.told)
        old_ms = here.page.clock.now_ms() // 1000 * 1000 - 7_200_000
        await say(here, data(old_ms, "w01014-Rtd=1,w01014-Flag=N;w01001-Rtd=99,w01001-Flag=N"))
        await until(lambda: here.late)
        assert here.late == [{"conductivity": old_ms, "ph": old_ms}]
        assert all(
            item.value == 500.0 for _, _, named in here.told[before:] if (item := named.get("conductivity"))
        )


async def test_strict_and_lenient_on_the_same_port(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        at_ms = here.page.clock.now_ms() // 1000 * 1000
        odd = data(at_ms, "w01014-Rtd=1,w01014-Flag=N").replace(b"Flag=5;", b"flag=5;", 1)
        for mn, device, is_taken in ((MN, "log_hc", True), (OTHER_MN, "log_section", False)):
            segment = odd[6:-6].replace(MN.encode(), mn.encode())
            heard = await say(here, framed(segment))
            assert bool(here.of("conductivity", device)) is is_taken
            assert bool(heard) is is_taken


async def test_nothing_is_acknowledged_that_could_not_be_kept(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        here.is_full = True
        packet = data(here.page.clock.now_ms() // 1000 * 1000, "w01014-Rtd=1,w01014-Flag=N")
        assert [frame.cn for frame in await say(here, packet)] == []
        here.is_full = False
        assert [frame.cn for frame in await say(here, packet)] == ["9014"]


async def test_the_newest_connection_is_the_loggers(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        it = logger()
        link = here.play(it)
        await until(lambda: here.of("conductivity"))
        await say(here, data(here.page.clock.now_ms() // 1000 * 1000, "w01014-Rtd=1,w01014-Flag=N"))
        await until(lambda: link.connections >= 2)
        await until(lambda: len(here.listener._connections) == 1)


async def test_a_flood_delays_nobody(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        _, flood = await asyncio.open_connection("127.0.0.1", here.listener.port)
        packet = data(here.page.clock.now_ms() // 1000 * 1000, "w01014-Rtd=1,w01014-Flag=N")
        pump = asyncio.ensure_future(_pump(flood, packet * 50))
        other = logger(OTHER_MN)
        here.play(other)
        longest_s, clock = 0.0, here.page.clock
        try:
            while len(here.of("conductivity", "log_section")) < 4:
                before_s = clock.monotonic()
                await asyncio.sleep(0.01)
                longest_s = max(longest_s, clock.monotonic() - before_s)
        finally:
            pump.cancel()
            flood.transport.abort()
            await asyncio.wait([pump])
        assert longest_s < 0.5
        assert all(len(item.kept) <= 65_536 + 262_144 for item in here.listener._connections)


async def _pump(writer: asyncio.StreamWriter, data: bytes) -> None:
    with contextlib.suppress(OSError):
        while True:
            writer.write(data)
            await writer.drain()


@pytest.mark.parametrize(
    "bytes_of",
    [lambda n: b"##0010garbage\r\n", lambda n: b"\r\n" * 3, lambda n: b"x\r\n", wrong_mn],
)
async def test_strangers_are_sent_away(tmp_path: Path, bytes_of: Callable[[int], bytes]) -> None:
    async with bench(tmp_path) as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.listener.port)
        for number in range(STRANGER_FAULTS_MAX + 1):
            writer.write(bytes_of(number) + b"!\r\n")
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(WAIT_S):
                assert await reader.read() == b""
        writer.transport.abort()
        assert here.told == [] or all(turn is Turn.DEATH for _, turn, _ in here.told)


async def test_nobody_guesses_passwords_on_a_known_connection(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.listener.port)
        at_ms = here.page.clock.now_ms() // 1000 * 1000
        writer.write(data(at_ms, "w01014-Rtd=1,w01014-Flag=N"))
        await until(lambda: here.of("conductivity"))
        guess = data(at_ms, "w01014-Rtd=1", mn=OTHER_MN)
        wrong = framed(guess[6:-6].replace(b"PW=123456", b"PW=000000"))
        writer.write(wrong * FAULTS_MAX)
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(WAIT_S):
                await reader.read()
        writer.transport.abort()
        assert Turn.BIRTH not in here.turns("log_section")


async def test_a_crowd_of_strangers_leaves_room(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        crowd = [
            await asyncio.open_connection("127.0.0.1", here.listener.port) for _ in range(STRANGERS_MAX + 20)
        ]
        await until(lambda: len(here.listener._connections) <= STRANGERS_MAX)
        here.play(logger())
        await until(lambda: here.of("conductivity"))
        for _, writer in crowd:
            writer.transport.abort()


async def test_who_comes_from_elsewhere_is_not_let_in(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        here.listener._allow = (IPv4Network("192.0.2.0/24"),)
        reader, writer = await asyncio.open_connection("127.0.0.1", here.listener.port)
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(WAIT_S):
                assert await reader.read() == b""
        writer.transport.abort()
        here.listener._allow = (IPv4Network("192.0.2.0/24"), IPv4Network("127.0.0.0/8"))
        here.play(logger())
        await until(lambda: here.of("conductivity"))


async def test_a_taken_port_and_a_missing_password_are_said(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        taken = LoggerListener(
            (),
            host="127.0.0.1",
            port=here.listener.port,
            clock=here.page.clock,
            metrics=here.listener._metrics,
        )
        with pytest.raises(LinkError, match="data loggers"):
            await taken.start()
    (tmp_path / "secrets" / "log_hc").unlink()
    settings = LoggersBlock(port=1, passwords=tmp_path / "secrets")
    for block, words in ((settings, "log_hc"), (None, r"\[loggers\]")):
        with pytest.raises(ConfigurationError, match=words):
            Loggers(
                load_park(tmp_path / "park"), GatewayId("gw_east"), block, clock=here.page.clock,
                times=Timekeeper(tmp_path / "ceiling", here.page.clock, is_slewed=False),
                registry=CollectorRegistry(),
            )  # fmt: skip


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
