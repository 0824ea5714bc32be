"""What the API must know of a control that shares its park with another: whether it leads, and where the leader is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from wire.canonical import Json


async def _nothing() -> None:
    """A leader's memory is what is true."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank:
    """The standing of this control."""

    leads: bool = True
    is_certain: Callable[[], bool] = lambda: True
    """Whether nobody else can lead now."""
    leader_url: Callable[[], str] = lambda: ""
    """Where people reach the one that leads; empty: it has not said."""
    refresh: Callable[[], Awaitable[None]] = _nothing
    """Learns who may do what anew from the database, if that answers; awaited before each request that a standby takes."""
    body: Callable[[], dict[str, Json]] = dict
    """For people; empty: there is no other control."""


LEADS = Rank()
