"""One connection to an MQTT broker: sockets, TLS, passwords and the client library; repairs nothing and keeps nothing."""

import asyncio
import contextlib
import functools
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode

from domain.errors import ConfigurationError, Fault, LinkError, LinkLost, LinkTimeout
from runtime.exits import AccessRefused
from runtime.mqtt_reader import MqttReader
from runtime.mqtt_writer import MqttWriter

KEEPALIVE_S = 10
"""Wall seconds: a broker that went silent is noticed within 1.5 times this."""
ANSWER_S_MAX = 5
"""Wall seconds for a broker to answer a connect, subscribe or QoS 1 publish."""
INFLIGHT_MAX = 1000
"""QoS 1 messages under way at once; more wait inside the client."""

_LIBRARY_LOG = logging.getLogger("mqtt")
# The library warns at every call beyond ten pending ones; only what it calls an error is one.
_LIBRARY_LOG.setLevel(logging.ERROR)

_NO_ENTRY = {134, 135}
"""Bad user name or password; not authorised."""
_GRANTED_BELOW = 0x80

Arrived = Callable[[str, bytes], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """Files of a mutually authenticated connection."""

    ca: Path
    certificate: Path | None = None
    """None: the broker does not ask for one."""
    key: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """Where the broker is and who we are to it."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    tls: TlsSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What we want to hear."""

    topic: str
    qos: Literal[0, 1] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Will:
    """What the broker says in our name when we vanish."""

    topic: str
    payload: bytes
    qos: Literal[0, 1] = 1
    retain: bool = False


@contextlib.asynccontextmanager
async def connection(
    broker: BrokerSettings, client_id: str, *, will: Will | None, arrived: Arrived
) -> AsyncIterator[aiomqtt.Client]:
    """Connect, and disconnect at the end; `arrived` is called in the loop for each message.

    Raises LinkError, AccessRefused when the broker does not let us in, and ConfigurationError when a TLS file is unusable.
    """
    client = aiomqtt.Client(
        broker.host,
        broker.port,
        username=broker.username,
        password=broker.password,
        identifier=client_id,
        logger=_LIBRARY_LOG,
        clean_session=True,
        keepalive=KEEPALIVE_S,
        timeout=ANSWER_S_MAX,
        max_inflight_messages=INFLIGHT_MAX,
        will=_library_will(will),
        tls_context=_tls_context(broker.tls),
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        queue_type=functools.partial(_Handover, arrived),  # type: ignore[arg-type] # only called
    )
    try:
        await client.__aenter__()
    except aiomqtt.MqttError as error:
        raise _refusal(broker, error) from error
    _read_by_ourselves(client, arrived)
    try:
        yield client
    finally:
        # A broker that does not take our leave learns of it from the socket.
        with contextlib.suppress(aiomqtt.MqttError):
            await client.__aexit__(None, None, None)


def _read_by_ourselves(client: aiomqtt.Client, arrived: Arrived) -> None:
    """Take QoS 0 messages the short way; the rest goes on through the library."""

    def broken(error: Exception) -> None:
        if not client._disconnected.done():  # noqa: SLF001 # what the library's own callback does
            client._disconnected.set_exception(error)  # noqa: SLF001

    MqttReader(client._client, arrived, broken).take_over()  # noqa: SLF001


async def subscribe(client: aiomqtt.Client, subscriptions: Sequence[Subscription]) -> None:
    """Subscribe to all. Raises AccessRefused when the broker denies one, LinkError when it does not answer."""
    if not subscriptions:
        return
    wanted: list[tuple[str, int]] = [(item.topic, item.qos) for item in subscriptions]
    try:
        codes = await client.subscribe(wanted)
    except aiomqtt.MqttError as error:
        message = f"the broker did not answer our subscription: {error}"
        raise LinkTimeout(message) from error
    numbers = [code.value if isinstance(code, ReasonCode) else int(code) for code in codes]
    denied = [topic for (topic, _), number in zip(wanted, numbers, strict=True) if number >= _GRANTED_BELOW]
    if denied:
        message = f"the broker denies our subscription to {', '.join(denied)}: check its access list"
        raise AccessRefused(message)


def writer_of(client: aiomqtt.Client) -> MqttWriter:
    """Return the short way of QoS 0 messages into the connection of `client`."""
    return MqttWriter(client._client)  # noqa: SLF001 # the library that it wraps, held by a test


async def until_lost(client: aiomqtt.Client) -> None:
    """Wait until the connection is lost, which raises LinkLost."""
    try:
        async for _ in client.messages:
            pass
    except aiomqtt.MqttError as error:
        message = f"the connection to the broker was lost: {error.__cause__ or error}"
        raise LinkLost(message) from error


class _Handover(asyncio.Queue[aiomqtt.Message]):
    """Stands in for the client's own queue: gives every message away at once and never has one."""

    def __init__(self, arrived: Arrived, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self._arrived = arrived

    def put_nowait(self, item: aiomqtt.Message) -> None:
        self._arrived(item.topic.value, item.payload)


def _library_will(will: Will | None) -> aiomqtt.Will | None:
    return None if will is None else aiomqtt.Will(will.topic, will.payload, will.qos, will.retain)


def _tls_context(tls: TlsSettings | None) -> ssl.SSLContext | None:
    if tls is None:
        return None
    try:
        context = ssl.create_default_context(cafile=str(tls.ca))
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.key)
    except OSError as error:
        fault = Fault(
            file=str(error.filename or tls.ca),
            line=0,
            field="broker.tls",
            kind="unreadable-key",
            message=f"not usable for TLS: {error}",
            remedy="name PEM files of the authority, our certificate and its key",
        )
        raise ConfigurationError(fault) from error
    return context


def _refusal(broker: BrokerSettings, error: aiomqtt.MqttError) -> LinkError:
    place = f"{broker.host}:{broker.port}"
    number = (
        error.rc.value
        if isinstance(error, aiomqtt.MqttCodeError) and isinstance(error.rc, ReasonCode)
        else None
    )
    if number in _NO_ENTRY:
        who = f"user {broker.username!r}" if broker.username else "anonymous users"
        return AccessRefused(
            f"the broker at {place} refuses {who}: check the user name and the password file"
        )
    return LinkError(f"no MQTT broker at {place}: {error}")
