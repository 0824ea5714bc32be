"""The term under which this control commands: above the database's and above every gateway's; written before it is claimed."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from control.audit.entry import SYSTEM, Entry
from control.database.change import Change, Write
from control.database.recorder import Recorder
from control.database.tables import FACTS
from domain.words import Words
from runtime.clock import Clock

_NAME = "term"


class Term:
    """The number that makes the newest leader's commands the only ones obeyed away from safe."""

    def __init__(self, recorder: Recorder, clock: Clock) -> None:
        self._recorder = recorder
        self._clock = clock
        self.number = 0

    async def begin(self, engine: AsyncEngine) -> None:
        """Take a new term. Raises StorageError when it cannot be written."""
        async with engine.connect() as connection:
            held = await connection.scalar(select(FACTS.c.value).where(FACTS.c.name == _NAME))
        await self._take(int(held or 0) + 1)

    async def follow(self, engine: AsyncEngine, heard: Iterable[int] = ()) -> None:
        """Take the number under which another control leads, as the database or a gateway says; claim nothing."""
        async with engine.connect() as connection:
            held = await connection.scalar(select(FACTS.c.value).where(FACTS.c.name == _NAME))
        self.number = max(self.number, int(held or 0), *heard)

    async def rise_above(self, heard: Iterable[int]) -> bool:
        """Take a higher term when a gateway has obeyed one that is not below ours; return whether that was so.

        Raises StorageError when it cannot be written.
        """
        highest = max(heard, default=0)
        if highest <= self.number:
            return False
        await self._take(highest + 1)
        return True

    async def _take(self, number: int) -> None:
        words = Words(f"控制服务进入任期 {number}", f"control begins term {number}")
        entry = Entry(
            at_ms=self._clock.now_ms(),
            actor=SYSTEM,
            kind="control.term",
            object="",
            words=words,
            body={"term": number},
        )
        row = Write(table="facts", row={"name": _NAME, "value": str(number)})
        await self._recorder.commit(Change(writes=(row,), entries=(entry,)))
        self.number = number
