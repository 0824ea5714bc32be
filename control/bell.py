"""Wakes whoever waits for something to change; carries no news itself."""

import asyncio


class Bell:
    """Everybody who waits when it rings goes on."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake those who wait now."""
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def heard(self, *, timeout_s: float) -> bool:
        """Wait for a ring, at most `timeout_s` wall seconds; return whether it came."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return False
        return True
