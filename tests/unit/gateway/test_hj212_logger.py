"""One logger's station: birth and death, what is stale, what strict means for each edition, and what is answered when."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from domain.ids import DeviceId, GatewayId
from domain.logger import Edition, Mode
from domain.quality import Quality, Reason
from domain.sample import Reading
from gateway.hj212_logger import LoggerStation
from gateway.hj212_metrics import LoggerMetrics
from gateway.image import DeviceImage, Rows, Told
from gateway.park_change import are_loggers_other, compare
from gateway.poller import Turn
from gateway.timekeeper import Timekeeper
from runtime.clock import ManualClock
from runtime.parkfiles.loading import load_park
from tests.service.gateway.logger_park import MN, PASSWORD, write_park
from wire.hj212 import Frame, crc, encode
from wire.hj212_body import write_time
from wire.hj212_stream import FrameStream

NOW_MS = 1_770_000_000_000


@dataclass
class Bench:
    station: LoggerStation
    clock: ManualClock
    registry: CollectorRegistry
    told: list[tuple[Turn, list[Told]]] = field(default_factory=list)

    def tell(self, image: DeviceImage, rows: Rows, turn: Turn) -> None:
        self.told.append((turn, image.told(rows.tolist())))

    def say(self, data: str, *, segment: str = "", cn: str = "2011") -> Frame | None:
        """Send a packet of now, over the wire; return its answer."""
        at = write_time(self.clock.now_ms())
        frame = Frame(qn=f"{at}000", st="32", cn=cn, pw=PASSWORD, mn=MN, flag=5, cp=f"DataTime={at};{data}")
        text = segment.replace("NOW", at).encode()
        (found,) = FrameStream().feed(framed(text) if segment else encode(frame))
        assert isinstance(found, Frame)
        assert self.station.admits(found)
        return self.station.take(found)

    def after(self, seconds: float) -> None:
        """Let time pass in small steps, looking as the gateway does."""
        for _ in range(round(seconds)):
            self.clock.advance(1)
            self.station.look()

    def reading(self, point: str) -> Reading:
        image = self.station.image
        row = next(row for row, item in enumerate(image.points) if item.name == point)
        return image.reading(row, now_s=self.clock.monotonic(), speed=1.0)

    def turns(self) -> list[Turn]:
        return [turn for turn, _ in self.told]

    def counted(self, kind: str) -> float:
        labels = {"device": "log_hc", "kind": kind}
        return self.registry.get_sample_value("stoplog_logger_deviations_total", labels) or 0.0


def framed(segment: bytes) -> bytes:
    return b"##%04d%s%04X\r\n" % (len(segment), segment, crc(segment))


def make(
    folder: Path, *, mode: Mode = Mode.LENIENT, edition: Edition = Edition.V2017, sets_clock: bool = False
) -> Bench:
    park = load_park(write_park(folder / "park"))
    device = park.devices[DeviceId("log_hc")]
    assert device.logger is not None
    device = replace(device, logger=replace(device.logger, mode=mode, edition=edition, sets_clock=sets_clock))
    clock, registry = ManualClock(now_ms=NOW_MS), CollectorRegistry()
    station = LoggerStation(
        DeviceImage(device, list(park.points_of(device.id)), []),
        password=PASSWORD,
        clock=clock,
        times=Timekeeper(folder / "ceiling", clock, is_slewed=False),
        metrics=LoggerMetrics(registry),
    )
    bench = Bench(station, clock, registry)
    station.listen(bench.tell, lambda *_: None, lambda _: None)
    return bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make(tmp_path)


GOOD = "w01014-Rtd=500,w01014-Flag=N;w01018-Rtd=30,w01018-Flag=N"


def test_the_first_packet_is_a_birth_and_silence_one_death(bench: Bench) -> None:
    assert bench.say(GOOD) is not None
    assert bench.turns() == [Turn.BIRTH]
    bench.after(125)
    assert bench.turns()[-1] is Turn.DEATH
    assert bench.turns().count(Turn.DEATH) == 1
    assert (bench.reading("cod").quality, bench.reading("cod").reason) == (Quality.BAD, Reason.LINK)
    bench.say(GOOD)
    assert bench.turns()[-1] is Turn.BIRTH
    assert bench.reading("cod").is_trusted


def test_a_logger_that_never_spoke_is_said_to_be_silent_once(bench: Bench) -> None:
    bench.after(300)
    assert bench.turns() == [Turn.DEATH]


def test_a_heartbeat_keeps_the_device_alive_and_no_value_young(bench: Bench) -> None:
    bench.say(GOOD)
    for _ in range(4):
        bench.after(50)
        bench.say("", cn="9015")
    assert Turn.DEATH not in bench.turns()
    assert not bench.reading("conductivity").is_trusted
    stale = [item for _, items in bench.told for item in items if item.reason is Reason.STALE]
    assert [item.point.name for item in stale] == ["conductivity"]
    assert bench.reading("cod").is_trusted


def test_what_is_bad_is_not_made_better_by_age(bench: Bench) -> None:
    bench.say("w01014-Rtd=0,w01014-Flag=D")
    for _ in range(4):
        bench.after(50)
        bench.say("", cn="9015")
    assert (bench.reading("conductivity").quality, bench.reading("conductivity").reason) == (
        Quality.BAD,
        Reason.SENSOR_FAULT,
    )


def test_an_old_sample_is_old_from_the_start(bench: Bench) -> None:
    sampled = write_time(NOW_MS - 400_000)
    bench.say(f"w01018-Rtd=30,w01018-Flag=N,w01018-SampleTime={sampled}")
    assert bench.reading("cod").is_trusted
    bench.after(110)
    bench.say("w01014-Rtd=500,w01014-Flag=N")
    bench.after(110)
    bench.say("w01014-Rtd=500,w01014-Flag=N")
    bench.after(60)
    assert not bench.reading("cod").is_trusted
    assert bench.reading("conductivity").is_trusted


def test_only_another_logger_asks_for_a_restart(tmp_path: Path) -> None:
    gateway = GatewayId("gw_east")
    park = load_park(write_park(tmp_path / "a"))
    same = load_park(write_park(tmp_path / "b", alarms_yaml=("above: 100", "above: 120")))
    other = load_park(write_park(tmp_path / "c", gateways_yaml=("history_s: 7200", "history_s: 3600")))
    points = load_park(write_park(tmp_path / "d", templates_rain_logger_csv=("pH,0,14", "pH,2,12")))
    assert [are_loggers_other(park, new, gateway) for new in (same, other, points)] == [False, True, True]
    assert compare(park, other, gateway).ended == frozenset()


OLD = "ST=32;CN=2011;PW=123456;MN=320684000100A00000000001;CP=&&DataTime=NOW;w01014-Rtd=500&&"


def test_an_upload_of_2005_has_neither_qn_nor_flag(tmp_path: Path) -> None:
    old = make(tmp_path / "old", mode=Mode.STRICT, edition=Edition.V2005)
    assert old.say("", segment=OLD) is None
    assert old.reading("conductivity").is_trusted
    assert old.counted("field-missing") == 0
    new = make(tmp_path / "new", mode=Mode.STRICT)
    assert new.say("", segment=OLD) is None
    assert new.told == []
    assert new.counted("field-missing") == 1


def test_another_version_in_flag_is_noted_and_no_reason_to_refuse(tmp_path: Path) -> None:
    bench = make(tmp_path, mode=Mode.STRICT, edition=Edition.V2025)
    assert bench.say(GOOD) is not None
    assert bench.counted("version") == 1


@pytest.mark.parametrize(
    ("data", "kind"), [("w01014-Rtd=500,w01014-flag=N", "field-case"), ("w01014-Rtd", "field-bad")]
)
def test_a_strict_loggers_wrong_data_area_is_not_acknowledged(tmp_path: Path, data: str, kind: str) -> None:
    strict, lenient = make(tmp_path / "s", mode=Mode.STRICT), make(tmp_path / "l")
    assert strict.say(data) is None
    assert strict.counted(kind) == 1
    assert lenient.say(data) is not None
    assert lenient.counted(kind) == 1


@pytest.mark.parametrize(("sets_clock", "sent"), [(True, ["1012"]), (False, [])])
def test_a_logger_that_asks_for_the_time_is_told_it_by_1012_only_where_the_park_says_so(
    tmp_path: Path, sets_clock: bool, sent: list[str]
) -> None:
    made = make(tmp_path, sets_clock=sets_clock)
    made.say(GOOD)
    made.station.disconnected()  # what it is asked when it comes is dropped
    answer = made.say("", cn="1013")
    assert answer is not None
    assert answer.cn == "9013"
    request = made.station.due()
    assert ([] if request is None else [request.cn]) == sent
