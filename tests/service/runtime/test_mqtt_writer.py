"""The short way of QoS 0 messages: nothing torn, nothing out of order, nothing piled up when the broker stops reading."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from domain.errors import LinkLost
from runtime.mqtt import BrokerSettings, MqttLink, Subscription, TlsSettings
from runtime.mqtt_writer import GATHER_BYTES_MAX
from tests.service.brokers import CLOCK, Broker, eventually

CONNECT, PUBLISH, PING, DISCONNECT = 0x10, 0x30, 0xC0, 0xE0


class Reluctant:
    """A broker that takes connections, and reads only while it may."""

    def __init__(self) -> None:
        self.may_read = asyncio.Event()
        self.may_read.set()
        self.heard: list[tuple[str, bytes]] = []
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await self.may_read.wait()
                kind = (await reader.readexactly(1))[0]
                body = await reader.readexactly(await self._length(reader))
                if kind & 0xF0 == PUBLISH:
                    await self._published(kind, body, writer)
                elif kind == CONNECT:
                    writer.write(b"\x20\x02\x00\x00")
                elif kind == PING:
                    writer.write(b"\xd0\x00")
                else:
                    assert kind == DISCONNECT, f"the stream is torn: {kind:#x}"
        writer.close()

    async def _published(self, kind: int, body: bytes, writer: asyncio.StreamWriter) -> None:
        end = 2 + int.from_bytes(body[:2], "big")
        topic, rest = body[2:end].decode(), body[end:]
        if kind & 0x06:
            writer.write(b"\x40\x02" + rest[:2])
            rest = rest[2:]
        self.heard.append((topic, rest))

    @staticmethod
    async def _length(reader: asyncio.StreamReader) -> int:
        length = shift = 0
        while True:
            byte = (await reader.readexactly(1))[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return length


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate of 127.0.0.1 that is its own authority; return its file and its key's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=3650))
        .not_valid_after(now + dt.timedelta(days=36500))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "broker.crt").write_bytes(made.public_bytes(pem))
    (folder / "broker.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "broker.crt", folder / "broker.key"


@contextlib.asynccontextmanager
async def linked(tls: Path | None) -> AsyncIterator[tuple[Reluctant, MqttLink]]:
    """Yield a reluctant broker and a link to it, over TLS when `tls` names a folder for its certificate."""
    context, settings = None, None
    if tls is not None:
        file, key = certificate(tls)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file, key)
        settings = TlsSettings(ca=file)
    broker = Reluctant()
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    link = MqttLink(
        BrokerSettings(host="127.0.0.1", port=port, tls=settings), client_id="writer", clock=CLOCK
    )
    async with running(link):
        yield broker, link
    server.close()


@contextlib.asynccontextmanager
async def running(link: MqttLink) -> AsyncIterator[None]:
    async def nothing() -> None:
        return

    task = asyncio.create_task(link.run(nothing))
    try:
        await eventually(lambda: link.is_connected, what="connected")
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def message(number: int) -> bytes:
    return f"{number}:".encode() + bytes([number % 251]) * (number * 37 % 9_000)


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
async def test_a_broker_that_stops_reading_tears_nothing_and_piles_up_nothing(
    is_tls: bool, tmp_path: Path
) -> None:
    async with linked(tmp_path if is_tls else None) as (broker, link):
        broker.may_read.clear()
        sent = []
        for number in range(100_000):
            if not link.publish_at_once("t/a", message(number)):
                break
            sent.append(message(number))
            if number % 50 == 0:
                await asyncio.sleep(0)
        else:
            pytest.fail("what the broker does not read is taken for ever")
        assert sum(map(len, sent)) > GATHER_BYTES_MAX
        # What comes behind waits, at either quality, and comes behind.
        waiting = [asyncio.create_task(link.publish("t/b", b"behind", qos=1))]
        await asyncio.sleep(0.02)
        waiting.append(asyncio.create_task(link.publish("t/c", b"last")))
        await asyncio.sleep(0.02)
        assert not any(task.done() for task in waiting)
        broker.may_read.set()
        await asyncio.wait_for(asyncio.gather(*waiting), 20)
        await eventually(lambda: len(broker.heard) == len(sent) + 2, what="everything arrived")
        expected = [("t/a", data) for data in sent]
        assert broker.heard == [*expected, ("t/b", b"behind"), ("t/c", b"last")]
        assert link.connections == 1


async def test_what_waits_for_no_company_takes_along_what_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.mqtt_writer.GATHER_S", 3600.0)
    async with linked(None) as (broker, link):
        assert link.publish_at_once("t/a", b"gathered")
        assert link.publish_at_once("t/b", b"now", gathers=False)
        await eventually(lambda: len(broker.heard) == 2, what="both arrived")
        assert broker.heard == [("t/a", b"gathered"), ("t/b", b"now")]


@pytest.mark.parametrize("qos", [0, 1])
async def test_what_waits_to_be_sent_ends_with_its_connection(qos: Literal[0, 1]) -> None:
    """Nobody else would end it: whoever waits for it would wait for ever, and all behind them."""
    async with linked(None) as (broker, link):
        broker.may_read.clear()
        assert any(not link.publish_at_once("t/a", bytes(9_000)) for _ in range(100_000))
        waiting = asyncio.create_task(link.publish("t/b", b"behind", qos=qos))
        await asyncio.sleep(0.02)
        assert not waiting.done()
        broker.writers[0].transport.abort()
        with pytest.raises(LinkLost):
            await asyncio.wait_for(waiting, 4)


async def test_all_ways_keep_one_order(tmp_path: Path) -> None:
    broker = Broker("mosquitto", tmp_path)
    broker.start()
    try:
        ear = MqttLink(
            broker.settings(), client_id="ear", clock=CLOCK, subscriptions=[Subscription(topic="t/#", qos=1)]
        )
        mouth = MqttLink(broker.settings(), client_id="mouth", clock=CLOCK)
        async with running(ear), running(mouth):
            for number in range(300):
                data = str(number).encode()
                if number % 7 == 0:
                    await mouth.publish("t/x", data, qos=1)
                elif number % 7 == 1:
                    await mouth.publish("t/x", data)
                else:
                    assert mouth.publish_at_once("t/x", data, gathers=number % 7 != 2)
            heard = [(await asyncio.wait_for(ear.next(), 10)).payload for _ in range(300)]
            assert heard == [str(number).encode() for number in range(300)]
            broker.kill()
            await eventually(lambda: not mouth.is_connected, what="the loss was noticed")
            assert not mouth.publish_at_once("t/x", b"never")
    finally:
        broker.kill()


async def test_a_retained_message_is_retained(tmp_path: Path) -> None:
    broker = Broker("mosquitto", tmp_path)
    broker.start()
    try:
        mouth = MqttLink(broker.settings(), client_id="mouth", clock=CLOCK)
        async with running(mouth):
            await mouth.publish("t/kept", b"kept", retain=True)
            await mouth.publish("t/passing", b"passing")
            await mouth.publish("t/end", b"", qos=1)
            late = MqttLink(
                broker.settings(), client_id="late", clock=CLOCK, subscriptions=[Subscription(topic="t/#")]
            )
            async with running(late):
                found = await asyncio.wait_for(late.next(), 10)
                assert (found.topic, found.payload, late.waiting) == ("t/kept", b"kept", 0)
    finally:
        broker.kill()
