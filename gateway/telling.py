"""Tells the centre of orders and tombstones that it no longer holds, as after its database was restored from a backup."""

from collections.abc import Mapping

from domain.order import OrderSet
from gateway.ledger import Ledger
from gateway.records import Records
from wire.canonical import Json
from wire.messages import order_body

TIMES = 2
"""A set that lacks something this often is not merely on its way past a record of ours."""


class Telling:
    """What the centre's sets lack."""

    def __init__(self, ledger: Ledger, records: Records, own: Mapping[str, object]) -> None:
        self._ledger = ledger
        self._records = records
        self._own = own
        self._lacked: dict[tuple[str, bool, int], int] = {}

    def heard(self, said: OrderSet, term: int) -> None:
        """Compare what the centre has said with what is held here; tell of each difference once in a term."""
        held = self._ledger.orders.on(self._own)
        for key, order in held.orders.items():
            is_released = key in held.tombstones
            if key in said.orders and (key in said.tombstones or not is_released):
                continue
            lacked = (key, is_released, term)
            self._lacked[lacked] = self._lacked.get(lacked, 0) + 1
            if self._lacked[lacked] == TIMES:
                body: dict[str, Json] = {"order": order_body(order), "held": True, "released": is_released}
                self._records.make("order", body, actuator=order.actuator)
        if len(self._lacked) > len(held.orders) * 2 + 100:
            self._lacked = {key: count for key, count in self._lacked.items() if key[2] == term}
