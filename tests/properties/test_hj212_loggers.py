"""A logger that says anything at all: it is survived, and what it says is told in order and fit to be sent."""

import math
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from domain.ids import DeviceId
from domain.park import Park
from gateway.edge_node import template
from gateway.hj212_logger import LoggerStation
from gateway.hj212_metrics import LoggerMetrics
from gateway.image import DeviceImage, Rows, ToldColumns
from gateway.poller import Turn
from gateway.timekeeper import Timekeeper
from runtime.clock import ManualClock
from runtime.parkfiles.loading import load_park
from tests.service.gateway.logger_park import MN, OTHER_MN, PASSWORD, write_park
from wire.hj212 import Frame, encode
from wire.hj212_body import write_time
from wire.hj212_stream import FrameStream
from wire.sparkplug import decode
from wire.sparkplug_template import payload

NOW_MS = 1_770_000_000_000


@pytest.fixture(scope="module")
def park(tmp_path_factory: pytest.TempPathFactory) -> Park:
    return load_park(write_park(tmp_path_factory.mktemp("park")))


class Hearer:
    """What a gateway hears of one logger, turned into the bytes that it would send."""

    def __init__(self, image: DeviceImage) -> None:
        self._template = template(image.points)
        self.live: dict[str, list[int]] = defaultdict(list)
        self.late: dict[str, list[int]] = defaultdict(list)

    def tell(self, image: DeviceImage, rows: Rows, turn: Turn) -> None:
        self._take(rows, image.told_columns(rows), self.live)

    def tell_late(self, image: DeviceImage, rows: Rows, told: ToldColumns) -> None:
        self._take(rows, told, self.late)

    def _take(self, rows: Rows, told: ToldColumns, into: dict[str, list[int]]) -> None:
        metrics = self._template.metrics(
            rows, told.values, told.quality, told.reason, told.observed_ms, told.texts
        )
        for metric in decode(payload(metrics, timestamp_ms=NOW_MS, seq=1, uuid=None)).metrics:
            assert metric.timestamp_ms is not None
            assert not isinstance(metric.value, float) or math.isfinite(metric.value)
            into[metric.name].append(metric.timestamp_ms)


numbers = st.one_of(
    st.floats().map(str),
    st.integers(-(10**6), 10**6).map(str),
    st.sampled_from(["", "-", "NaN", "1,5", "1e30", "0", "1"]),
)
times = st.one_of(
    st.integers(NOW_MS // 1000 - 20_000, NOW_MS // 1000 + 20_000).map(lambda s: write_time(s * 1000)),
    st.sampled_from(["00010101000000", "99991231235959", "19700101080000", "20260231000000", "", "x"]),
)
codes = st.sampled_from(["w01018", "011", "w20111", "w01014", "w00000", "e31101", "SB1", "w99999"])
fields = st.sampled_from(["Rtd", "Avg", "Min", "rtd", "RS", "Info"]).flatmap(
    lambda name: numbers.map(lambda value: f"{name}={value}")
)
flags = st.sampled_from(["N", "D", "C", "T", "?", "", "NN"]).map(lambda flag: f"Flag={flag}")
items = st.tuples(
    codes, st.lists(st.one_of(fields, flags, times.map(lambda at: f"SampleTime={at}")), max_size=4)
).map(lambda pair: ",".join(f"{pair[0]}-{field}" for field in pair[1]))
areas = st.tuples(
    st.one_of(st.just(""), times.map(lambda at: f"DataTime={at};")),
    st.lists(items, max_size=5),
    st.text(max_size=10),
).map(lambda parts: parts[0] + ";".join(parts[1]) + parts[2])
frames = st.builds(
    Frame,
    qn=st.none() | times.map(lambda at: (at + "000")[:17]),
    st=st.sampled_from(["32", "91", "52"]),
    cn=st.sampled_from(
        ["2011", "2051", "2061", "2021", "1013", "9011", "9012", "9014", "9015", "3020", "0000"]
    ),
    pw=st.just(PASSWORD),
    mn=st.just(MN),
    flag=st.none() | st.integers(0, 255),
    pnum=st.none() | st.integers(1, 9999),
    pno=st.none() | st.integers(1, 9999),
    cp=areas,
)


@settings(max_examples=50)
@given(
    st.sampled_from([("log_hc", MN), ("log_section", OTHER_MN)]),
    st.lists(st.tuples(frames, st.sampled_from([0.0, 0.5, 30.0, 500.0])), max_size=25),
)
def test_anything_a_logger_says_is_survived_and_told_in_order(
    park: Park, who: tuple[str, str], said: list[tuple[Frame, float]]
) -> None:
    device = park.devices[DeviceId(who[0])]
    image = DeviceImage(device, list(park.points_of(device.id)), [])
    clock, hearer = ManualClock(now_ms=NOW_MS), Hearer(image)
    with TemporaryDirectory() as folder:
        station = LoggerStation(
            image,
            password=PASSWORD,
            clock=clock,
            times=Timekeeper(Path(folder) / "ceiling", clock, is_slewed=False),
            metrics=LoggerMetrics(CollectorRegistry()),
        )
        station.listen(hearer.tell, hearer.tell_late, lambda _: None)
        for frame, passed_s in said:
            clock.advance(passed_s)
            station.look()
            # Over the wire, as it would come.
            for found in FrameStream().feed(encode(frame)):
                if isinstance(found, Frame):
                    answer = station.take(found)
                    assert answer is None or encode(answer)
            request = station.due()
            assert request is None or encode(request)
    for name, shown in hearer.live.items():
        assert shown == sorted(set(shown)), name
        assert not set(shown) & set(hearer.late.get(name, ())), name
    for name, late in hearer.late.items():
        assert len(late) == len(set(late)), name
