"""The orderly end of a gateway: it stops polling, and gives ingest and control time to answer for what is journalled."""

import asyncio
from collections.abc import Sequence

from runtime.clock import Clock
from runtime.journal import Journal

DRAIN_S_MAX = 8.0
"""Wall seconds: one round of what was not received in 5 s and goes again. What is left then is sent at the next start."""
LOOK_S = 0.05


async def drain(polls: Sequence[asyncio.Task[None]], journals: Sequence[Journal], clock: Clock) -> None:
    """End `polls`, and return when every payload in `journals` is durable at its receiver, or after DRAIN_S_MAX."""
    until_s = clock.monotonic() + DRAIN_S_MAX
    for poll in polls:
        poll.cancel()
    if polls:
        await asyncio.wait(polls, timeout=DRAIN_S_MAX)
    while any(journal.depth for journal in journals) and clock.monotonic() < until_s:  # noqa: ASYNC110 # bounded
        await asyncio.sleep(LOOK_S)
