"""Collects which payloads were received and which are durable, until they are acknowledged to their gateways."""

from collections.abc import Iterable, Iterator

from domain.ids import GatewayId, ParkId
from stores.port import PayloadName
from stores.ranges import RangeSet
from wire.messages import Acknowledgement, Ranges

RANGES_MAX = 2_000
"""In one acknowledgement, some 40 kB: what a crowded queue has dropped leaves many holes, and the rest is said in the next."""


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
        """Return the acknowledgements for each gateway and epoch with news: one, or more of a bounded size."""
        made = [
            Acknowledgement(park=self._park, gateway=key[0], epoch=key[1], received=received, durable=durable)
            for key in sorted({*self._received, *self._durable})
            for received, durable in _parts(
                self._received.get(key, RangeSet()).as_tuple(), self._durable.get(key, RangeSet()).as_tuple()
            )
        ]
        self._received.clear()
        self._durable.clear()
        return made


def _parts(received: Ranges, durable: Ranges) -> Iterator[tuple[Ranges, Ranges]]:
    for start in range(0, max(len(received), len(durable)), RANGES_MAX):
        part = slice(start, start + RANGES_MAX)
        yield received[part], durable[part]


def _add(sets: dict[tuple[GatewayId, str], RangeSet], names: Iterable[PayloadName]) -> None:
    for name in names:
        sets.setdefault((name.gateway, name.epoch), RangeSet()).add(name.offset)
