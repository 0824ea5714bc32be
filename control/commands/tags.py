"""Hangs and takes down tag-outs (检修挂牌): while one stands, an actuator gets no remote output (I7).

Each is lifted by who hung it. Who is not there to lift it is stood in for by a shift chief and an engineer together; its
announced end lifts nothing.
"""

import asyncio
import secrets

from control.audit.entry import Entry
from control.commands.entries import order_row
from control.commands.orders import TOO_MANY, Orders
from control.commands.pending import Pending, What, objection
from control.database.change import Change
from control.database.recorder import Recorder
from control.people.roles import Person, Role
from domain.ids import FacilityId
from domain.order import Order, OrderKind
from domain.park import Park
from domain.refusal import Cause, Code
from domain.words import Words
from runtime.clock import Clock
from wire.canonical import Json

PAIR = (Role.SHIFT_CHIEF, Role.ENGINEER)
"""Who lifts together what neither of them hung: one who answers for the shift, one who knows the device."""
AHEAD_MS_MAX = 30 * 24 * 3_600_000
"""An announced end lies within a month, or nobody has thought about it."""
_LIFTED = Cause(code=Code.MODE, detail=Words("牌已摘下", "the tag is lifted already"))


class Tags:
    """Tag-outs as people set them. A wish to lift another's waits in memory: after a restart it is asked again."""

    def __init__(self, park: Park, orders: Orders, recorder: Recorder, clock: Clock) -> None:
        self._park = park
        self._orders = orders
        self._recorder = recorder
        self._clock = clock
        self._turn = asyncio.Lock()
        """Who asks or lifts: one after the other, for what the second would do may be done once the first is written."""

    def on(self, actuator: FacilityId) -> tuple[Order, ...]:
        """Return the tags that hang on `actuator`, oldest first."""
        return self._orders.standing(actuator, OrderKind.TAG_OUT)

    def find(self, tag: str) -> Order | None:
        """Return a tag that hangs; None: there is none of that id."""
        order = self._orders.held.orders.get(tag)
        is_hanging = order is not None and order.kind is OrderKind.TAG_OUT
        return order if is_hanging and tag not in self._orders.held.tombstones else None

    async def hang(
        self, actuator: FacilityId, *, by: str, reason: str, until_ms: int | None
    ) -> Order | Cause:
        """Tag `actuator` out; it holds from this moment, whatever the database does."""
        now_ms = self._clock.now_ms()
        if until_ms is not None and not 0 < until_ms - now_ms <= AHEAD_MS_MAX:
            return Cause(
                code=Code.MALFORMED,
                detail=Words(
                    "预计结束时间须在今后 30 天之内", "the announced end lies within the next 30 days"
                ),
                values={"until_ms": str(until_ms)},
            )
        order = Order(
            id=secrets.token_hex(16),
            kind=OrderKind.TAG_OUT,
            actuator=actuator,
            by=by,
            reason=reason,
            since_ms=now_ms,
            until_ms=until_ms,
        )
        self._orders.add(order)
        entry = self._entry("tag.hung", by, Words("检修挂牌", "tagged out"), order)
        await self._recorder.keep(Change(writes=(order_row(order),), entries=(entry,)))
        return order

    async def take_down(self, actuator: FacilityId, *, by: str) -> Cause | None:
        """Lift the own tags of `by`; return why none was lifted though some hang. Raises StorageError."""
        hanging = self.on(actuator)
        own = [order for order in hanging if order.by == by]
        for order in own:
            await self._lift(order, by, {"reason": ""})
        if hanging and not own:
            return not_yours(hanging[0])
        return None

    async def ask(self, tag: Order, who: Person, *, reason: str) -> Pending | Cause | None:
        """Lift a tag, or ask a second person to lift another's; None: it is lifted. Raises StorageError."""
        if tag.by == who.username:
            await self._lift(tag, who.username, {"reason": reason})
            return None
        if not who.has(PAIR):
            return not_yours(tag)
        async with self._turn:
            return await self._ask(tag, who, reason)

    async def _ask(self, tag: Order, who: Person, reason: str) -> Pending | Cause:
        if self.find(tag.id) is None:
            return _LIFTED
        if any(item.order.id == tag.id for item in self._orders.waiting.values()):
            return Cause(
                code=Code.MODE, detail=Words("已有摘牌申请待复核", "somebody has asked for it already")
            )
        if self._orders.is_waiting_full:
            return TOO_MANY
        wish = Pending(
            id=secrets.token_hex(16),
            what=What.LIFT,
            order=tag,
            by=who.username,
            session=who.session,
            roles=who.roles,
            reason=reason,
            at_ms=self._clock.now_ms(),
        )
        words = Words("申请代为摘牌", "lifting another's tag asked for")
        entry = self._entry("tag.lift_asked", wish.by, words, tag, {"why": reason})
        await self._recorder.commit(Change(entries=(entry,)))
        self._orders.waiting[wish.id] = wish
        return wish

    async def approve(self, wish: Pending, who: Person, *, content_hash: str) -> Cause | None:
        """Lift another's tag as the second person; return why not. Raises StorageError."""
        cause = objection(wish, who, content_hash=content_hash, pair=PAIR, now_ms=self._clock.now_ms())
        if cause is not None:
            return cause
        is_ours = await self._lift(wish.order, who.username, {"reason": wish.reason, "asked_by": wish.by})
        self._orders.waiting.pop(wish.id, None)
        return None if is_ours else _LIFTED

    async def _lift(self, tag: Order, by: str, more: dict[str, Json]) -> bool:
        """Lift a tag; it holds once it is written. Return False when it was lifted already. Raises StorageError."""
        async with self._turn:
            if self.find(tag.id) is None:
                return False
            entry = self._entry("tag.lifted", by, Words("摘牌", "tag lifted"), tag, more)
            await self._recorder.commit(Change(writes=(order_row(tag, is_released=True),), entries=(entry,)))
            self._orders.release([tag.id])
        for key in [key for key, wish in self._orders.waiting.items() if wish.order.id == tag.id]:
            del self._orders.waiting[key]
        return True

    def _entry(
        self, kind: str, by: str, verb: Words, tag: Order, more: dict[str, Json] | None = None
    ) -> Entry:
        name = self._park.facilities[tag.actuator].words
        return Entry(
            at_ms=self._clock.now_ms(),
            actor=by,
            kind=kind,
            object=tag.actuator,
            words=Words(f"{name.zh}{verb.zh}", f"{name.en} {verb.en}"),
            body={
                "order": tag.id,
                "hung_by": tag.by,
                "hung_for": tag.reason,
                "until_ms": tag.until_ms,
                **(more or {}),
            },
        )


def not_yours(tag: Order) -> Cause:
    """Return why somebody else does not lift `tag` alone."""
    return Cause(
        code=Code.TAGGED_OUT,
        detail=Words(
            "须由挂牌人本人摘牌,或由值班长与工程师共同摘牌",
            "lifted by who hung it, or by a shift chief and an engineer together",
        ),
        values={"by": tag.by},
    )
