"""The listener on real sockets: loggers with their faults, strangers, floods; what is told, and what is answered."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from domain.errors import ConfigurationError, LinkError
from domain.ids import GatewayId
from domain.quality import Quality, Reason
from gateway.hj212_listener import LoggerListener
from gateway.hj212_stations import Loggers
from gateway.poller import Turn
from gateway.settings import LoggersBlock
from gateway.timekeeper import Timekeeper
from runtime.parkfiles.loading import load_park
from simulators.hj212_logger import LoggerFault
from tests.service.gateway.logger_bench import bench, data, framed, logger, say, until
from tests.service.gateway.logger_park import MN, OTHER_MN


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
