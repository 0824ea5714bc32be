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
        """Follow what is ours among `records`."""
        for record in records:
            await self.take(record)

    async def take(self, record: Record) -> None:
        """Follow a command that was asked for here; of everything else the leader knows."""
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
