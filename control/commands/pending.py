"""Decides what becomes of something that waits for a second person: another identity in another session, in time, on what it saw (I9)."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from control.people.roles import Person, Role
from domain.approval import VALID_MS
from domain.order import Order
from domain.refusal import Cause, Code
from domain.words import Words
from wire.canonical import dumps
from wire.messages import order_body


class What(StrEnum):
    """What waits."""

    OVERRIDE = "override"
    """An override, to stand from its approval on."""
    LIFT = "lift"
    """A tag that somebody else has hung, to be lifted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """One person's wish, until a second one agrees."""

    id: str
    what: What
    order: Order
    """The override as it will stand, or the tag that stands."""
    by: str
    session: str
    roles: frozenset[Role]
    reason: str
    at_ms: int

    @property
    def until_ms(self) -> int:
        """When nobody can agree to it any more."""
        return self.at_ms + VALID_MS

    @property
    def content_hash(self) -> str:
        """Hash of all that the second person is shown; agreeing to another is agreeing to nothing."""
        shown = {
            "what": self.what.value,
            "order": order_body(self.order),
            "by": self.by,
            "reason": self.reason,
        }
        return hashlib.sha256(dumps(shown)).hexdigest()


def objection(
    pending: Pending, who: Person, *, content_hash: str, pair: Iterable[Role] | None, now_ms: int
) -> Cause | None:
    """Return why `who` cannot be the second person; None: they can.

    `pair`: the two persons must have these roles between them, one each.
    """
    cause = by_another(who, by=pending.by, session=pending.session)
    if cause is not None:
        return cause
    if now_ms >= pending.until_ms:
        return Cause(
            code=Code.TIME_LIMIT, detail=Words("申请已过 10 分钟", "it was asked more than 10 min ago")
        )
    if content_hash != pending.content_hash:
        return Cause(code=Code.APPROVAL, detail=Words("内容不是所示的内容", "this is not what was shown"))
    if pair is not None and not _is_pair(pending.roles, who.roles, frozenset(pair)):
        return Cause(
            code=Code.APPROVAL,
            detail=Words("须值班长与工程师各一人", "a shift chief and an engineer are needed, one each"),
        )
    return None


def by_another(who: Person, *, by: str, session: str) -> Cause | None:
    """Return why `who` is no second person beside `by` in `session`; None: they are."""
    if who.username != by and who.session != session:
        return None
    words = Words("须由另一人在另一会话中复核", "by another person in another session")
    return Cause(code=Code.APPROVAL, detail=words, values={"by": by})


def overdue(waiting: Mapping[str, Pending], *, now_ms: int) -> tuple[Pending, ...]:
    """Return what nobody agreed to in time."""
    return tuple(item for item in waiting.values() if now_ms >= item.until_ms)


def _is_pair(one: frozenset[Role], other: frozenset[Role], wanted: frozenset[Role]) -> bool:
    """Whether each of the two has another one of the `wanted` roles."""
    return any(a in one and b in other for a in wanted for b in wanted if a is not b)
