"""A line to one PLC over real sockets: every lie ends in a fault of this line, and the next honest answer is believed."""

import asyncio
import contextlib
import struct
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET

import pytest

from domain.connection import Transport, Writes
from domain.drive import Table, Write
from domain.errors import LinkError, LinkLost, LinkTimeout
from gateway.modbus_line import BACK_OFF_S_MAX, Line
from gateway.modbus_ways import Tcp
from gateway.plc import DeviceRefused, LinkGarbled, PlcLink, Withheld
from gateway.poll_plan import Block
from gateway.stations import Lines
from runtime.clock import RealClock
from tests.service.gateway.liar import HOST, Answer, Liar, device, framed, honest, registers

BLOCK = Block(table=Table.HOLDING, start=40, count=3, rows=(0, 1, 2))
COIL = Write(table=Table.COIL, address=3, value=1)
WORD = Write(table=Table.HOLDING, address=9, value=500)


@contextlib.asynccontextmanager
async def linked(answer: Answer = honest, **other: object) -> AsyncIterator[tuple[Liar, PlcLink]]:
    async with Liar(answer).serving() as plc:
        made = device(plc.port, **other)  # type: ignore[arg-type]
        link = PlcLink(made, Lines(RealClock()).of(made))
        try:
            yield plc, link
        finally:
            link.close()


async def test_registers_and_bits_are_read_over_one_connection() -> None:
    async with linked() as (plc, link):
        assert (await link.read(BLOCK)).tolist() == [40, 41, 42]
        bits = Block(table=Table.DISCRETE, start=0, count=11, rows=(0,))
        assert (await link.read(bits)).tolist() == [1] * 11
        assert plc.connections == link.connections == 1


@pytest.mark.parametrize(
    ("writes", "functions"), [(Writes.SINGLE, [5, 6]), (Writes.MULTIPLE, [15, 16])], ids=["one", "many"]
)
async def test_writes_use_the_functions_that_the_device_knows(writes: Writes, functions: list[int]) -> None:
    async def echo(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(framed(request, request[7:12]))

    async with linked(echo, writes=writes) as (plc, link):
        await link.write(COIL, permit=lambda: True)
        await link.write(WORD, permit=lambda: True)
        assert [request[7] for request in plc.requests] == functions


def says(*, number: int = 0, unit: int = 0, pdu: bytes | None = None, more: bytes = b"") -> Answer:
    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(
            framed(request, registers(request) if pdu is None else pdu, number=number, unit=unit) + more
        )

    return answer


async def _garbage(request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(bytes(range(256)) * 16)


async def _closes(request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _resets(request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _silent(request: bytes, writer: asyncio.StreamWriter) -> None:
    """Say nothing."""


async def _half(request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(framed(request, registers(request))[:-3])


async def _drips_without_end(request: bytes, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"\0")
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        pytest.param(says(number=1), LinkTimeout, id="transaction"),
        pytest.param(says(unit=1), LinkGarbled, id="unit"),
        pytest.param(says(pdu=b"\x04\x06" + bytes(6)), LinkGarbled, id="function"),
        pytest.param(says(pdu=b"\x03\x04" + bytes(4)), LinkGarbled, id="short"),
        pytest.param(says(pdu=b"\x03\x08" + bytes(8)), LinkGarbled, id="long"),
        pytest.param(says(pdu=b"\x03\x05" + bytes(6)), LinkGarbled, id="count"),
        pytest.param(says(more=b"more"), LinkGarbled, id="trailing"),
        pytest.param(_garbage, LinkGarbled, id="garbage"),
        pytest.param(_closes, LinkLost, id="closes"),
        pytest.param(_resets, LinkLost, id="resets"),
        pytest.param(_silent, LinkTimeout, id="silent"),
        pytest.param(_half, LinkTimeout, id="half"),
        pytest.param(_drips_without_end, LinkError, id="drips"),
    ],
)
async def test_a_lie_is_a_fault_and_the_next_honest_answer_is_believed(
    answer: Answer, fault: type[LinkError]
) -> None:
    async with linked(answer) as (plc, link):
        with pytest.raises(fault):
            await link.read(BLOCK)
        plc.answer = honest
        assert (await link.read(BLOCK)).tolist() == [40, 41, 42], "made anew at once after the first fault"


async def test_an_answer_in_drips_is_an_answer() -> None:
    async def drips(request: bytes, writer: asyncio.StreamWriter) -> None:
        for byte in framed(request, registers(request)):
            writer.write(bytes((byte,)))
            await asyncio.sleep(0.005)

    async with linked(drips) as (_, link):
        assert (await link.read(BLOCK)).tolist() == [40, 41, 42]


async def test_a_refusal_costs_no_connection() -> None:
    async with linked(says(pdu=b"\x83\x02")) as (plc, link):
        for _ in range(3):
            with pytest.raises(DeviceRefused) as caught:
                await link.read(BLOCK)
            assert caught.value.code == 2
        assert plc.connections == 1


async def test_after_faults_in_a_row_it_waits_with_a_ceiling_of_seconds_and_a_command_does_not() -> None:
    async with linked(_closes) as (plc, link):
        for _ in range(40):
            with pytest.raises(LinkLost):
                await link.read(BLOCK)
        assert plc.connections <= 3, "no storm of connections"
        line = link._line
        for _ in range(30):
            line._back_off()
            assert 0 < line._retry_s - RealClock().monotonic() <= BACK_OFF_S_MAX
        with pytest.raises(LinkTimeout):
            await link.write(COIL, permit=lambda: True)
        assert plc.requests[-1][7] == 5


async def test_nobody_there_is_no_connection_and_nothing_sent() -> None:
    made = device(1)
    link = PlcLink(made, Line(Tcp(host=HOST, port=made.port), clock=RealClock()))
    with pytest.raises(LinkLost, match="no connection"):
        await link.write(COIL, permit=lambda: True)
    assert link.fault is not None


@pytest.mark.parametrize("answer", [_silent, _closes, _garbage, says(pdu=b"\x05\0\3\0\0"), says(unit=1)])
async def test_a_write_without_a_sound_answer_may_have_been_done(answer: Answer) -> None:
    async with linked(answer) as (plc, link):
        with pytest.raises(LinkTimeout):
            await link.write(COIL, permit=lambda: True)
        assert len(plc.requests) == 1, "never sent twice"


async def test_a_write_that_may_not_be_is_withheld_after_it_has_waited() -> None:
    async with linked() as (plc, link):
        with pytest.raises(Withheld):
            await link.write(COIL, permit=lambda: False)
        assert plc.requests == []


async def test_a_command_goes_before_the_polls_that_wait() -> None:
    async def slowly(request: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.03)
        writer.write(framed(request, request[7:12] if request[7] == 5 else registers(request)))

    async with linked(slowly) as (plc, link):
        polls = [asyncio.ensure_future(link.read(BLOCK)) for _ in range(4)]
        await asyncio.sleep(0.01)
        await link.write(COIL, permit=lambda: True)
        assert [request[7] for request in plc.requests][:2] == [3, 5]
        await asyncio.gather(*polls)


async def test_a_request_given_up_does_not_spoil_the_next() -> None:
    async def slowly(request: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        writer.write(framed(request, registers(request)))

    async with linked(slowly) as (plc, link):
        await link.read(BLOCK)
        given_up = asyncio.ensure_future(link.read(Block(table=Table.HOLDING, start=0, count=3, rows=(0,))))
        await asyncio.sleep(0.01)
        given_up.cancel()
        await asyncio.wait([given_up])
        assert given_up.cancelled()
        assert (await link.read(BLOCK)).tolist() == [40, 41, 42]
        assert plc.connections == 1


# Python before 3.11.4 leaves the server's side of a handshake that was refused to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_tls_is_spoken_with_a_plc_that_we_trust_and_with_no_other(tmp_path: Path) -> None:
    import ssl

    _certificate(tmp_path)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(tmp_path / "plc.crt", tmp_path / "plc.key")
    async with Liar().serving(server) as plc:
        made = device(plc.port, transport=Transport.TLS, timeout_s=2.0, server_name="plc.example")
        ours = ssl.create_default_context(cafile=str(tmp_path / "plc.crt"))
        link = PlcLink(made, Lines(RealClock(), tls=ours).of(made))
        assert (await link.read(BLOCK)).tolist() == [40, 41, 42]
        link.close()
        stranger = PlcLink(made, Lines(RealClock()).of(made))
        with pytest.raises(LinkLost, match="certificate"):
            await stranger.read(BLOCK)
        stranger.close()


def _certificate(folder: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=plc.example", "-addext", "subjectAltName=DNS:plc.example",
         "-keyout", folder / "plc.key", "-out", folder / "plc.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
