"""Wakes whoever waits for something to change; carries no news itself."""

import asyncio


class Bell:
    """Everybody who waits when it rings goes on."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[bool], None] = {}
        """Who waits, in the order in which they came."""

    def ring(self) -> None:
        """Wake those who wait now."""
        waiting, self._waiting = self._waiting, {}
        for one in waiting:
            _answer(one, is_rung=True)

    async def heard(self, *, timeout_s: float) -> bool:
        """Wait for a ring, at most `timeout_s` wall seconds; return whether it came."""
        loop = asyncio.get_running_loop()
        one: asyncio.Future[bool] = loop.create_future()
        self._waiting[one] = None
        end = loop.call_later(timeout_s, lambda: _answer(one, is_rung=False))
        try:
            return await one
        finally:
            end.cancel()
            self._waiting.pop(one, None)


def _answer(one: "asyncio.Future[bool]", *, is_rung: bool) -> None:
    if not one.done():
        one.set_result(is_rung)
