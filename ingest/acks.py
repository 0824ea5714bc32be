"""Collects which payloads were received and which are durable, until they are acknowledged to their gateways."""

from collections.abc import Iterable

from domain.ids import GatewayId, ParkId
from stores.port import PayloadName
from stores.ranges import RangeSet
from wire.messages import Acknowledgement


class Acks:
    """What is still to be said; saying it empties the collection."""

    def __init__(self, park: ParkId) -> None:
        self._park = park
        self._received: dict[tuple[GatewayId, str], RangeSet] = {}
        self._durable: dict[tuple[GatewayId, str], RangeSet] = {}

    def received(self, names: Iterable[PayloadName]) -> None:
        """Note payloads that the store has answered for."""
        _add(self._received, names)

    def durable(self, names: Iterable[PayloadName]) -> None:
        """Note payloads whose every sample survives a power cut, in store or quarantine."""
        _add(self._durable, names)

    def take(self) -> list[Acknowledgement]:
        """Return one acknowledgement for each gateway and epoch with news."""
        keys = sorted({*self._received, *self._durable})
        made = [
            Acknowledgement(
                park=self._park,
                gateway=gateway,
                epoch=epoch,
                received=self._received.get((gateway, epoch), RangeSet()).as_tuple(),
                durable=self._durable.get((gateway, epoch), RangeSet()).as_tuple(),
            )
            for gateway, epoch in keys
        ]
        self._received.clear()
        self._durable.clear()
        return made


def _add(sets: dict[tuple[GatewayId, str], RangeSet], names: Iterable[PayloadName]) -> None:
    for name in names:
        sets.setdefault((name.gateway, name.epoch), RangeSet()).add(name.offset)
