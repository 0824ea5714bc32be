"""Standing orders that edge and centre hold alike: keep-closed orders (禁开令), tag-outs (检修挂牌), overrides (旁路) and their tombstones."""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import lru_cache

from domain.ids import FacilityId, GatewayId
from domain.words import Words


class OrderKind(StrEnum):
    """What an order says of its actuator."""

    KEEP_CLOSED = "keep_closed"
    """Stays closed (禁开令) until released by the reopening procedure."""
    KEEP_OPEN = "keep_open"
    """Stays open (禁关令) likewise: the way into a pool, whose safe position is open."""
    TAG_OUT = "tag_out"
    """Gets no remote output while somebody works on it (I7)."""
    OVERRIDE = "override"
    """One of its interlocks does not count until a compulsory end (旁路, I8; domain.override says when)."""
    COMMISSIONING = "commissioning"
    """Is being checked (联调中): while it is not commissioned, whoever checks it may command it, and nobody else."""
    COMMISSIONED = "commissioned"
    """Was checked and signed for (联调签字); counts for the drive whose hash is its `condition`."""
    COMMISSION_VOID = "commission_void"
    """The word in the park's folder no longer counts."""


ORDERS_MAX = 100_000
"""Orders whose text is kept for the hash of a set, which is asked for at every heartbeat."""
KEEPING = frozenset({OrderKind.KEEP_CLOSED, OrderKind.KEEP_OPEN})
"""What keeps an actuator at its safe position."""
OF_COMMISSIONING = frozenset({OrderKind.COMMISSIONING, OrderKind.COMMISSIONED, OrderKind.COMMISSION_VOID})
"""What says who answers for an actuator, and who may command it before anybody does."""
KIND_WORDS: Mapping[OrderKind, Words] = {
    OrderKind.KEEP_CLOSED: Words("禁开令", "keep-closed order"),
    OrderKind.KEEP_OPEN: Words("禁关令", "keep-open order"),
    OrderKind.TAG_OUT: Words("检修挂牌", "tag-out"),
    OrderKind.OVERRIDE: Words("旁路", "override"),
    OrderKind.COMMISSIONING: Words("联调中", "being commissioned"),
    OrderKind.COMMISSIONED: Words("联调签字", "commissioned"),
    OrderKind.COMMISSION_VOID: Words("联调作废", "commissioning void"),
}

_OF_CONTROL = re.compile(r"[0-9a-f]{32}\Z")
_OF_AN_EDGE = re.compile(r"(?P<gateway>[a-z][a-z0-9_]{0,62}):[0-9a-f]{32}:[0-9]{1,19}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One standing fact about one actuator."""

    id: str
    """Control's: the id of the command that made it; an edge's own: `gateway:epoch:offset`."""
    kind: OrderKind
    actuator: FacilityId
    by: str
    reason: str
    since_ms: int
    until_ms: int | None = None
    """End of a tag-out as announced; it stands until it is lifted all the same. None: no end announced. Of an override the
    compulsory end."""
    interlock: str | None = None
    """Of an override: the id of the interlock."""
    condition: str | None = None
    """Of an override: the text of the interlock's condition as the two persons saw it; another one is not overridden. Of a
    commissioning: the hash of the drive that it is about."""
    second: str | None = None
    """Of an override: the second person, who approved it (I9). Of a commissioning: who watched beside the gate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSet:
    """Orders and tombstones by id; merging is a union, so that the order of arrival does not matter."""

    orders: Mapping[str, Order] = field(default_factory=dict)
    tombstones: frozenset[str] = frozenset()
    """Ids of orders that were released; an id here is dead for ever."""
    _alive_on: Mapping[FacilityId, tuple[Order, ...]] | None = field(
        default=None, init=False, compare=False, repr=False
    )

    def standing(self, actuator: FacilityId, kind: OrderKind) -> tuple[Order, ...]:
        """Return the orders of `kind` that lack their tombstone, oldest first."""
        return self._alive(actuator, frozenset({kind}))

    def keeping(self, actuator: FacilityId) -> tuple[Order, ...]:
        """Return the orders that keep `actuator` at its safe position, oldest first."""
        return self._alive(actuator, KEEPING)

    def overdue(self, *, now_ms: int) -> tuple[Order, ...]:
        """Return the tags whose announced end is past: they stand all the same, and somebody should look."""
        return tuple(
            order
            for order in self.orders.values()
            if order.kind is OrderKind.TAG_OUT
            and order.id not in self.tombstones
            and order.until_ms is not None
            and order.until_ms <= now_ms
        )

    def on(self, actuators: Collection[str]) -> "OrderSet":
        """Return the part that is about `actuators`: what the edge that drives them and the centre must hold alike."""
        mine = {key: order for key, order in self.orders.items() if order.actuator in actuators}
        return OrderSet(orders=mine, tombstones=self.tombstones & mine.keys())

    def with_orders(self, *orders: Order) -> "OrderSet":
        """Return the set with `orders` added; an order already held is kept as it is."""
        return OrderSet(
            orders={**{order.id: order for order in orders}, **self.orders}, tombstones=self.tombstones
        )

    def with_tombstones(self, ids: Iterable[str]) -> "OrderSet":
        """Return the set with `ids` released."""
        return OrderSet(orders=self.orders, tombstones=self.tombstones | frozenset(ids))

    def merged(self, other: "OrderSet") -> "OrderSet":
        """Return the union of both."""
        return OrderSet(orders={**other.orders, **self.orders}, tombstones=self.tombstones | other.tombstones)

    def hash(self) -> str:
        """Return the SHA-256 (hex) over orders and tombstones in a fixed order."""
        orders = ", ".join(_text(self.orders[key]) for key in sorted(self.orders))
        tombstones = json.dumps(sorted(self.tombstones), ensure_ascii=False)
        content = f'{{"orders": [{orders}], "tombstones": {tombstones}}}'
        return hashlib.sha256(content.encode()).hexdigest()

    def _alive(self, actuator: FacilityId, kinds: frozenset[OrderKind]) -> tuple[Order, ...]:
        if self._alive_on is None:
            # Sorted out once: every decision asks, and the dead grow for ever.
            found: dict[FacilityId, list[Order]] = {}
            for order in sorted(self.orders.values(), key=lambda order: (order.since_ms, order.id)):
                if order.id not in self.tombstones:
                    found.setdefault(order.actuator, []).append(order)
            object.__setattr__(self, "_alive_on", {key: tuple(orders) for key, orders in found.items()})
        assert self._alive_on is not None
        return tuple(order for order in self._alive_on.get(actuator, ()) if order.kind in kinds)


@lru_cache(maxsize=ORDERS_MAX)
def _text(order: Order) -> str:
    return json.dumps(asdict(order), sort_keys=True, ensure_ascii=False)


def named_by(order: str) -> GatewayId | None:
    """Return the gateway whose own record gave the id; None: control's, the id of a command. Raises ValueError: neither."""
    if _OF_CONTROL.match(order):
        return None
    found = _OF_AN_EDGE.match(order)
    if found is None:
        message = f"{order[:80]!r} is neither a command's id nor gateway:epoch:offset"
        raise ValueError(message)
    return GatewayId(found["gateway"])
