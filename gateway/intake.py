"""Takes what arrives from the broker, one message after the other, and gives each to whom it concerns."""

from collections.abc import Callable

from domain.errors import RemoteProtocolError
from domain.order import OrderSet
from gateway.backfill import Backfill
from gateway.desk import Desk
from gateway.edge_node import is_rebirth
from gateway.ledger import Ledger
from gateway.publisher import Publisher
from gateway.unbelieved import Unbelieved
from gateway.watch import Watch
from runtime.clock import Clock
from runtime.log import logger
from runtime.mqtt import Message, MqttLink, Subscription
from wire.messages import orders as read_orders
from wire.messages import term as read_term
from wire.signing import Role, Verifier
from wire.topics import Channel, Kind, ours, parse_ours, parse_sparkplug, sparkplug

REBIRTH_S_MIN = 1.0
"""Wall seconds between two rebirths: a host that asks faster gets one answer."""


def subscriptions(park: str, gateway: str) -> tuple[Subscription, ...]:
    """Return what a gateway listens to."""
    channels = (Channel.COMMAND, Channel.ORDERS, Channel.TERM, Channel.ACK_SAMPLES, Channel.ACK_RECORDS)
    return (
        *(Subscription(topic=ours(park, gateway, channel), qos=1) for channel in channels),
        Subscription(topic=sparkplug(park, Kind.NCMD, gateway), qos=1),
        Subscription(topic=sparkplug(park, Kind.DCMD, gateway, "+"), qos=1),
    )


class Intake:
    """The gateway's ear."""

    def __init__(
        self,
        link: MqttLink,
        *,
        desk: Desk,
        watch: Watch,
        ledger: Ledger,
        samples: Backfill,
        records: Backfill,
        publisher: Publisher,
        unbelieved: Unbelieved,
        verifier: Verifier,
        park: str,
        gateway: str,
        clock: Clock,
        compare: Callable[[OrderSet, int], None] = lambda _said, _term: None,
    ) -> None:
        """`compare` is given what the centre holds of our orders, and its term."""
        self._link = link
        self._desk = desk
        self._watch = watch
        self._ledger = ledger
        self._samples = samples
        self._records = records
        self._publisher = publisher
        self._unbelieved = unbelieved
        self._verifier = verifier
        self._who = (park, gateway)
        self._clock = clock
        self._compare = compare
        self._reborn_s = -REBIRTH_S_MIN
        self._log = logger("intake")

    async def run(self) -> None:
        """Take messages for ever."""
        while True:
            self._take(await self._link.next())

    def _take(self, message: Message) -> None:
        found = parse_ours(message.topic)
        match found[2] if found is not None else None:
            case Channel.COMMAND:
                self._desk.take(message.payload)
            case Channel.ACK_SAMPLES:
                self._samples.acknowledge(message.payload)
            case Channel.ACK_RECORDS:
                self._records.acknowledge(message.payload)
            case Channel.ORDERS:
                self._orders(message.payload)
            case Channel.TERM:
                self._term(message.payload)
            case _:
                self._sparkplug(message)

    def _orders(self, token: bytes) -> None:
        """Join control's orders to ours; releases count under the newest term only (I2)."""
        try:
            message = read_orders(self._verifier.verify(token, roles={Role.CONTROL}).body)
        except RemoteProtocolError as error:
            self._log.warning("orders refused", reason=str(error))
            return
        if (message.park, message.gateway) != self._who:
            return
        self._desk.raise_term(message.term)
        coming = message.orders
        if message.term >= self._ledger.term:
            self._compare(coming, message.term)
        if message.term < self._ledger.term:
            coming = OrderSet(orders=coming.orders)
        merged = self._ledger.orders.merged(coming)
        if merged.hash() != self._ledger.orders.hash():
            self._ledger.hold(merged)
            self._watch.orders_changed()
            self._log.info("orders changed", orders=len(merged.orders), released=len(merged.tombstones))

    def _term(self, token: bytes) -> None:
        try:
            message = read_term(self._verifier.verify(token, roles={Role.CONTROL}).body)
        except RemoteProtocolError as error:
            self._log.warning("term refused", reason=str(error))
            return
        if (message.park, message.gateway) == self._who:
            self._desk.raise_term(message.term)

    def _sparkplug(self, message: Message) -> None:
        """Honour a rebirth; any other unsigned write is refused and on the record."""
        topic = parse_sparkplug(message.topic)
        if topic is None or topic.kind not in {Kind.NCMD, Kind.DCMD}:
            return  # nothing is asked of us; amqtt hands a newcomer what it retains, subscribed to or not
        if topic.kind is Kind.NCMD and is_rebirth(message.payload):
            if message.received_s - self._reborn_s >= REBIRTH_S_MIN and self._link.is_connected:
                self._reborn_s = message.received_s
                self._publisher.birth()
            return
        self._unbelieved.write(message.topic, f"{len(message.payload)} bytes, unsigned")
