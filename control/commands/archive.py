"""Reads commands from the database: at the start what is not ended, and for people what is no longer in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Select, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from control.commands.tracked import Tracked, tracked
from control.database.tables import COMMANDS
from domain.errors import StorageError
from wire.canonical import Json

_Body = Mapping[str, Json]

NEWEST_AT_START = 500
"""Ended commands taken into memory at a start, so that every actuator shows its last one."""


class Archive:
    """Commands as the database holds them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def recent(self) -> Sequence[Tracked]:
        """Return what a start needs, oldest first: what is not ended, whatever its age, and the newest of the rest."""
        bodies = await self._read(
            select(COMMANDS.c.body).order_by(COMMANDS.c.created_ms.desc()).limit(NEWEST_AT_START)
        )
        open_states = ("requested", "approved", "selected", "operating")
        bodies += await self._read(select(COMMANDS.c.body).where(COMMANDS.c.state.in_(open_states)))
        found = {item.id: replace(item, is_inherited=True) for item in map(tracked, bodies)}
        return sorted(found.values(), key=lambda item: item.created_ms)

    async def get(self, command: str) -> Tracked | None:
        """Return one command. Raises StorageError."""
        bodies = await self._read(select(COMMANDS.c.body).where(COMMANDS.c.id == command))
        return tracked(bodies[0]) if bodies else None

    async def newest(self, *, limit: int, actuator: str | None) -> Sequence[Tracked]:
        """Return commands, the newest first. Raises StorageError."""
        wanted = select(COMMANDS.c.body).order_by(COMMANDS.c.created_ms.desc()).limit(limit)
        if actuator is not None:
            wanted = wanted.where(COMMANDS.c.actuator == actuator)
        return [tracked(body) for body in await self._read(wanted)]

    async def _read(self, wanted: Select[tuple[_Body]]) -> list[_Body]:
        try:
            async with self._engine.connect() as connection:
                return list(await connection.scalars(wanted))
        except (SQLAlchemyError, OSError) as error:
            message = f"commands cannot be read: {getattr(error, 'orig', None) or error}"
            raise StorageError(message) from error
