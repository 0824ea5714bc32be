"""A queue of messages that one task publishes in their order; what cannot go now is dropped, because the journal keeps it."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Literal

from domain.errors import LinkError

LANE_MAX = 5_000
"""Messages waiting; when full the oldest goes, because the journal sends it again and the live image repairs itself."""

Publish = Callable[[str, bytes, Literal[0, 1]], Awaitable[None]]
AtOnce = Callable[[str, bytes], bool]
"""Publishes at QoS 0 without waiting; False: it cannot just now, and has done nothing."""


class Lane:
    """One order of messages."""

    def __init__(self, publish: Publish, at_once: AtOnce = lambda _, __: False) -> None:
        """`at_once` is tried first when nothing waits: no task has to be woken for the usual case."""
        self._publish = publish
        self._at_once = at_once
        self._is_publishing = False
        self._waiting: deque[tuple[str, bytes, Literal[0, 1]]] = deque(maxlen=LANE_MAX)
        self._some = asyncio.Event()

    def put(self, topic: str, payload: bytes, qos: Literal[0, 1] = 0) -> None:
        """Publish after what is already waiting."""
        is_first = not self._waiting and not self._is_publishing
        if qos == 0 and is_first and self._at_once(topic, payload):
            return
        self._waiting.append((topic, payload, qos))
        self._some.set()

    def clear(self) -> None:
        """Drop what is waiting: it belonged to a connection that is gone."""
        self._waiting.clear()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is waiting."""
        return not self._waiting

    async def run(self) -> None:
        """Publish for ever."""
        while True:
            await self._some.wait()
            self._some.clear()
            while self._waiting:
                topic, payload, qos = self._waiting.popleft()
                self._is_publishing = True
                with contextlib.suppress(LinkError):
                    await self._publish(topic, payload, qos)
                self._is_publishing = False
