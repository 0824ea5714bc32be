"""Standing orders that edge and centre hold alike: keep-closed orders (禁开令), tag-outs (检修挂牌) and their tombstones."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from domain.ids import FacilityId


class OrderKind(StrEnum):
    """What an order says of its actuator."""

    KEEP_CLOSED = "keep_closed"
    """Stays at its safe position until released by the reopening procedure."""
    TAG_OUT = "tag_out"
    """Gets no remote output while somebody works on it (I7)."""


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
    """End of a tag-out as announced; it stands until it is lifted all the same. None: no end announced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSet:
    """Orders and tombstones by id; merging is a union, so that the order of arrival does not matter."""

    orders: Mapping[str, Order] = field(default_factory=dict)
    tombstones: frozenset[str] = frozenset()
    """Ids of orders that were released; an id here is dead for ever."""

    def standing(self, actuator: FacilityId, kind: OrderKind) -> tuple[Order, ...]:
        """Return the orders of `kind` that lack their tombstone, oldest first."""
        found = (
            order
            for order in self.orders.values()
            if order.actuator == actuator and order.kind is kind and order.id not in self.tombstones
        )
        return tuple(sorted(found, key=lambda order: (order.since_ms, order.id)))

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
        content = {
            "orders": [asdict(self.orders[key]) for key in sorted(self.orders)],
            "tombstones": sorted(self.tombstones),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
