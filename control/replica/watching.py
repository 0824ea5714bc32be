"""What a control that does not lead does with the records of the edges: it follows its own closures by them, and owes no answer."""

from collections.abc import Iterable

from control.commands.records import Key, Records
from control.commands.reports import named
from wire.messages import Record

REMEMBERED_MAX = 20_000
"""Records seen; the oldest go first."""


class Watching(Records):
    """Takes no record: the leader writes and acknowledges each."""

    _seen: dict[Key, None] | None = None

    async def take_all(self, records: Iterable[Record]) -> None:
        """Follow the commands that were asked for here; of everything else the leader knows."""
        for record in records:
            self._follow(record)

    def _follow(self, record: Record) -> None:
        command = named(record)
        if command is None or self._book.get(command) is None:
            return
        seen = self._seen = self._seen if self._seen is not None else {}
        key = (record.gateway, record.epoch, record.offset)
        if key in seen:
            return
        seen[key] = None
        if len(seen) > REMEMBERED_MAX:
            del seen[next(iter(seen))]
        self._absorb(record)

    async def acknowledge(self) -> None:
        """Say nothing: an acknowledgement says that a record is committed."""
