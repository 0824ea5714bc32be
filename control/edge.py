"""Keeps the edges as control needs them: rebirths, terms and order sets are sent again until a heartbeat shows them taken."""

from collections.abc import Callable

from control.commands.orders import Orders
from control.commands.term import Term
from control.live.image import Image
from control.presence import Presence
from domain.errors import LinkError, StorageError
from domain.ids import GatewayId, ParkId
from runtime.clock import Clock
from runtime.log import logger
from runtime.mqtt import MqttLink
from wire.messages import OrdersMessage, TermMessage, orders_body, term_body
from wire.signing import Signer
from wire.sparkplug import DataType, Metric, Payload, encode
from wire.topics import Channel, Kind, ours, sparkplug

LOOK_S = 0.5
"""Wall seconds between two looks."""
REPEAT_S = 2.0
"""Wall seconds between two sendings of the same term or order set to one gateway."""
REBIRTH = "Node Control/Rebirth"
"""Sparkplug 3.0, 6.4.20."""

_log = logger("control")


class Edge:
    """Control's side of the links to the gateways."""

    def __init__(
        self,
        link: MqttLink,
        image: Image,
        orders: Orders,
        term: Term,
        signer: Signer,
        clock: Clock,
        *,
        presence: Presence,
        speaks: Callable[[], bool] = lambda: True,
    ) -> None:
        """`speaks`: whether it is for this control to claim the gateways and to keep their orders."""
        self._speaks = speaks
        self._link = link
        self._image = image
        self._orders = orders
        self._term = term
        self._signer = signer
        self._clock = clock
        self._presence = presence
        self._said_s: dict[tuple[GatewayId, Channel], float] = {}
        self._revision = orders.revision

    async def connected(self) -> None:
        """Say that the host is here; what was missed meanwhile is asked for by `run`."""
        self._image.doubt_all()
        self._said_s.clear()
        await self._presence.come()

    async def run(self) -> None:
        """Look at every gateway, for ever."""
        while True:
            await self._clock.sleep(0.0, floor_s=LOOK_S)
            if self._link.is_connected:
                await self._presence.stand()
                if self._speaks():
                    await self._rise()
                if self._orders.revision != self._revision:
                    self._revision = self._orders.revision
                    self.orders_changed()
                for gateway in self._image.park.gateways:
                    await self._look(gateway)

    async def _rise(self) -> None:
        heard = (pulse.newest.term for pulse in self._image.pulses.values() if pulse.newest is not None)
        try:
            if await self._term.rise_above(heard):
                self._said_s.clear()
        except StorageError:
            return  # the next look tries again; meanwhile only closures are obeyed, as they are under any term

    async def _look(self, gateway: GatewayId) -> None:
        park = self._image.park.id
        now_s = self._clock.monotonic()
        if self._image.sessions[gateway].asks_rebirth(now_s=now_s):
            await self._say(*rebirth_request(park, gateway, at_ms=self._clock.now_ms()), qos=0)
        pulse = self._image.pulses[gateway]
        if pulse.newest is None or not pulse.is_heard(now_s=now_s) or not self._speaks():
            return
        if pulse.newest.term < self._term.number and self._is_due(gateway, Channel.TERM):
            claim = TermMessage(park=park, gateway=gateway, term=self._term.number)
            await self._say(ours(park, gateway, Channel.TERM), self._signer.sign(term_body(claim)), qos=1)
        held = self._orders.of(gateway)
        if pulse.newest.orders != held.hash() and self._is_due(gateway, Channel.ORDERS):
            said = OrdersMessage(park=park, gateway=gateway, term=self._term.number, orders=held)
            await self._say(ours(park, gateway, Channel.ORDERS), self._signer.sign(orders_body(said)), qos=1)

    def orders_changed(self) -> None:
        """Send the sets at the next look, not after the usual pause."""
        self._said_s = {key: at_s for key, at_s in self._said_s.items() if key[1] is not Channel.ORDERS}

    def _is_due(self, gateway: GatewayId, channel: Channel) -> bool:
        now_s = self._clock.monotonic()
        last_s = self._said_s.get((gateway, channel))
        if last_s is not None and now_s - last_s < REPEAT_S:
            return False
        self._said_s[gateway, channel] = now_s
        return True

    async def _say(self, topic: str, payload: bytes, *, qos: int) -> None:
        try:
            await self._link.publish(topic, payload, qos=1 if qos else 0)
        except LinkError as error:
            _log.warning("not sent", topic=topic, reason=str(error))


def rebirth_request(park: ParkId, gateway: GatewayId, *, at_ms: int) -> tuple[str, bytes]:
    """Return topic and payload of the one unsigned command that a gateway honours."""
    metric = Metric(name=REBIRTH, value=True, datatype=DataType.BOOLEAN, timestamp_ms=at_ms)
    payload = encode(Payload(timestamp_ms=at_ms, metrics=(metric,)))
    return sparkplug(park, Kind.NCMD, gateway), payload
