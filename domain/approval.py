"""A second person's word (双人复核) as a value: who gave it, on which content, and whether it still holds (I9)."""

from dataclasses import dataclass

from domain.words import Words

VALID_MS = 600_000
"""Model milliseconds that an approval holds."""
AHEAD_MS_MAX = 60_000
"""Model milliseconds that it may seem to lie ahead: the clocks of centre and edge differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Another identity's consent, bound to the compiled content that it saw."""

    by: str
    session: str
    """Hash of the session's token; never leaves the centre."""
    content_hash: str
    at_ms: int
    dispatch_order: str | None = None
    """Number of the dispatch order (调度指令号) under which a river sluice moves."""
    emergency: str | None = None
    """Why it moves without one: the recorded emergency override (紧急越权)."""

    def holds(self, *, author: str, session: str, content_hash: str, now_ms: int) -> bool:
        """Whether it lets `author` go on now with what has this hash."""
        return (
            self.by != author
            and self.session != session
            and self.content_hash == content_hash
            and 0 <= now_ms - self.at_ms <= VALID_MS
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a signed command carries of an approval, for the edge to hold it to."""

    by: str
    content_hash: str
    at_ms: int
    basis: str
    """Of the river: the dispatch order's number, or the words of the emergency override. Else empty."""
    is_emergency: bool = False


def consent(approval: Approval) -> Consent:
    """Return what the edge is told of `approval`."""
    return Consent(
        by=approval.by,
        content_hash=approval.content_hash,
        at_ms=approval.at_ms,
        basis=approval.emergency or approval.dispatch_order or "",
        is_emergency=approval.emergency is not None,
    )


def missing(given: Consent | None, *, author: str, now_ms: int, is_river: bool) -> Words | None:
    """Return what is found wanting in the consent to a move that takes two persons; None: nothing (I9).

    `is_river`: a river sluice moves under a dispatch order or an emergency override, too.
    """
    if given is None:
        return Words("没有另一人同意", "no approval")
    if not given.by or given.by == author:
        return Words(f"同意人是 {given.by!r}", f"by {given.by!r}")
    if not given.content_hash:
        return Words("未写明同意的内容", "of nothing")
    if is_river and not given.basis:
        return Words("既无调度指令号,也无紧急越权", "neither dispatch order nor emergency override")
    age_ms = now_ms - given.at_ms
    if age_ms < -AHEAD_MS_MAX:
        s = -age_ms // 1000
        return Words(
            f"同意比网关时钟超前 {s} s,须校时", f"given {s} s ahead of the gateway's clock: set the clocks"
        )
    if age_ms > VALID_MS:
        text = f"{age_ms / 1000:.0f} s > {VALID_MS / 1000:.0f} s"
        return Words(f"同意已过 {text},须重新申请", f"{text}: ask again")
    return None
