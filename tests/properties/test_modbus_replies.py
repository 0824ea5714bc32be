"""Whatever a PLC answers: no crash, nothing that is no number called good, no neighbour's value touched, little held."""

import asyncio
import contextlib
from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.drive import Table
from domain.errors import LinkError, ProtocolError
from domain.ids import DeviceId, FacilityId, GatewayId
from domain.park import Device, Point, PollGroup, Register, RegisterType, WordOrder
from domain.quality import Quality
from domain.words import Words
from gateway.image import DeviceImage
from gateway.modbus_line import Line
from gateway.modbus_ways import Receiver
from gateway.plc import PlcLink
from gateway.poll_plan import Block
from runtime.clock import RealClock
from wire.modbus import NUMBER_MAX, BlockDecoder, width
from wire.modbus_frames import FRAME_BYTES_MAX, Frames, RtuFrames, TcpFrames

DEVICE = Device(
    id=DeviceId("d"),
    gateway=GatewayId("g"),
    words=Words("机", "device"),
    host="127.0.0.1",
    port=502,
    unit_id=1,
    template="t",
    timeout_s=0.05,
    groups={"normal": PollGroup(name="normal", period_s=1.0)},
)

_types = st.sampled_from([kind for kind in RegisterType if kind is not RegisterType.BIT])
_suspicions = {"rate_max": st.none() | st.floats(0.1, 1e6), "frozen_s": st.none() | st.floats(1, 1e6)}


@st.composite
def _points(draw: st.DrawFn) -> list[Point]:
    """Draw neighbours without a gap, of any type, order, scale and code for "no value"."""
    points, address = [], 0
    for number in range(draw(st.integers(1, 12))):
        kind = draw(_types)
        register = Register(
            table=Table.HOLDING,
            address=address,
            type=kind,
            word_order=draw(st.sampled_from(WordOrder)),
            scale=draw(st.sampled_from([1.0, 0.1, -3.0, 1e300])),
            offset=draw(st.sampled_from([0.0, -40.0])),
            invalid=draw(st.none() | st.integers(-(2**63), 2**64 - 1)),
            length=draw(st.integers(1, 5)) if kind is RegisterType.STRING else 1,
        )
        suspicions = (
            {} if kind is RegisterType.STRING else {key: draw(value) for key, value in _suspicions.items()}
        )
        points.append(
            Point(
                facility=FacilityId("f"),
                name=f"p{number}",
                words=Words("点", "point"),
                device=DEVICE.id,
                register=register,
                unit="",
                **suspicions,
            )
        )
        address += width(register)
    return points


def _size(points: Sequence[Point]) -> int:
    return sum(width(point.register) for point in points)


@given(_points(), st.data())
def test_what_is_no_number_is_bad_whatever_the_registers_hold(
    points: list[Point], data: st.DataObject
) -> None:
    image = DeviceImage(DEVICE, points, [])
    decoder = BlockDecoder([point.register for point in points], start=0)
    size = 2 * _size(points)
    for turn, answer in enumerate(data.draw(st.lists(st.binary(min_size=size, max_size=size), max_size=4))):
        words = np.frombuffer(answer, dtype=">u2").astype(np.uint16)
        columns = decoder.decode(words)
        rows = np.arange(len(points))
        image.take(rows, columns, observed_ms=1_000 * (turn + 1), asked_s=turn, read_s=turn)
        for point, told in zip(points, image.told(range(len(points))), strict=True):
            assert told.value is None or point.is_text or abs(float(told.value)) < NUMBER_MAX
            assert told.value is not None or told.quality is Quality.BAD
            assert not point.is_text or told.value is None or isinstance(told.value, str)


@given(_points(), st.data())
def test_one_value_spoils_no_neighbour(points: list[Point], data: st.DataObject) -> None:
    decoder = BlockDecoder([point.register for point in points], start=0)
    size = 2 * _size(points)
    answer = data.draw(st.binary(min_size=size, max_size=size))
    spoilt = data.draw(st.integers(0, len(points) - 1))
    register = points[spoilt].register
    first, last = 2 * register.address, 2 * (register.address + width(register))
    garbage = data.draw(st.binary(min_size=last - first, max_size=last - first))
    other = answer[:first] + garbage + answer[last:]
    before, after = (
        decoder.decode(np.frombuffer(each, dtype=">u2").astype(np.uint16)) for each in (answer, other)
    )
    rest = np.arange(len(points)) != spoilt
    assert np.array_equal(before.values[rest], after.values[rest], equal_nan=True)
    assert (before.is_invalid[rest] == after.is_invalid[rest]).all()
    for row in np.flatnonzero(rest).tolist():
        assert before.texts.get(row) == after.texts.get(row)


class Pipe:
    """A way whose far end answers each request with bytes of the fuzzer's, cut as it likes."""

    name = "pipe"
    is_shared = False
    silence_s = 0.0

    def __init__(self, frames: Frames, replies: Sequence[Sequence[bytes]]) -> None:
        self._frames = frames
        self._replies = iter(replies)
        self.held_max = 0
        self._receiver: Receiver | None = None

    async def open(self) -> Receiver:
        self._receiver = Receiver(self._frames)
        self._receiver.connected_by(self)
        return self._receiver

    def write(self, data: bytes) -> None:
        for piece in next(self._replies, ()):
            asyncio.get_running_loop().call_soon(self._hear, piece)

    def abort(self) -> None:
        """Nothing to end."""

    def _hear(self, piece: bytes) -> None:
        assert self._receiver is not None
        self._receiver.data_received(piece)
        self.held_max = max(self.held_max, len(getattr(self._frames, "_held", b"")))


_pieces = st.lists(
    st.one_of(
        st.binary(max_size=400),
        st.builds(
            lambda number, unit, pdu: (
                number.to_bytes(2, "big") + b"\0\0" + (len(pdu) + 1).to_bytes(2, "big") + bytes((unit,)) + pdu
            ),
            st.integers(0, 4),
            st.integers(0, 2),
            st.one_of(st.binary(max_size=253), st.just(b"\x03\x04\0\x07\0\x08"), st.just(b"\x83\x02")),
        ),
    ),
    max_size=5,
)


@settings(deadline=None, max_examples=60)
@given(st.booleans(), st.lists(_pieces, min_size=1, max_size=3))
def test_a_link_ends_every_read_in_registers_a_refusal_or_a_fault(
    is_serial: bool, replies: list[list[bytes]]
) -> None:
    frames: Frames = RtuFrames() if is_serial else TcpFrames()
    pipe = Pipe(frames, replies)

    async def reads() -> None:
        link = PlcLink(DEVICE, Line(pipe, clock=RealClock()))
        for _ in replies:
            with contextlib.suppress(LinkError, ProtocolError):
                words = await link.read(Block(table=Table.HOLDING, start=0, count=2, rows=(0, 1)))
                assert len(words) == 2
        link.close()

    asyncio.run(reads())
    assert pipe.held_max <= FRAME_BYTES_MAX
