"""Gives overrides (旁路) by two persons and ends them: one interlock of one actuator, a reason, a compulsory end (I8).

What an override lets through is decided elsewhere (domain.override, domain.admission); the edge ends it by itself as well.
"""

import asyncio
import secrets
from collections.abc import Callable

from control.audit.entry import SYSTEM, Entry
from control.commands.entries import order_row
from control.commands.orders import TOO_MANY, Orders
from control.commands.pending import Pending, What, objection, overdue
from control.database.change import Change
from control.database.recorder import Recorder
from control.people.roles import Person, Role
from domain.ids import FacilityId
from domain.order import Order, OrderKind
from domain.override import LIFE_MS_MAX, lock_of
from domain.park import Actuator, Park, Tier
from domain.refusal import Cause, Code
from domain.words import Words
from runtime.clock import Clock
from wire.canonical import Json

MAY_OVERRIDE = frozenset({Role.SHIFT_CHIEF, Role.ENGINEER})
"""Who may ask for an override, and who may agree to one."""
LOOK_S = 0.5
"""Wall seconds between two looks at what has ended."""


_LAPSED = {
    What.OVERRIDE: ("override.lapsed", Words("旁路申请无人复核", "nobody approved the override")),
    What.LIFT: ("tag.lift_lapsed", Words("代为摘牌无人复核", "nobody agreed to lift the tag")),
}
"""What waits for a second person and got none."""


class Overrides:
    """The overrides of the park."""

    def __init__(self, park: Park, orders: Orders, recorder: Recorder, clock: Clock) -> None:
        self._park = park
        self._orders = orders
        self._recorder = recorder
        self._clock = clock
        self._turn = asyncio.Lock()
        """Who asks: one after the other, so that the second sees what the first has asked for."""

    def of(self, actuator: FacilityId) -> tuple[Order, ...]:
        """Return the overrides on `actuator` that were given and neither lifted nor ended."""
        return self._orders.standing(actuator, OrderKind.OVERRIDE)

    def all(self) -> tuple[Order, ...]:
        """Return every override that was given and neither lifted nor ended."""
        return tuple(order for order in self._orders.all_standing() if order.kind is OrderKind.OVERRIDE)

    def open_to(self, actuator: Actuator) -> list[str]:
        """Return the interlocks of `actuator` whose override may be asked for now."""
        if self._park.facilities[actuator.facility].tier is Tier.RIVER:
            return []
        taken = {order.interlock for order in self.of(actuator.facility)}
        taken |= {wish.order.interlock for wish in self._orders.waiting_on(actuator.facility)}
        return [lock.id for lock in (*actuator.permits, *actuator.inhibits) if lock.id not in taken]

    async def ask(
        self, actuator: Actuator, interlock: str, who: Person, *, reason: str, until_ms: int
    ) -> Pending | Cause:
        """Ask for an override. Raises StorageError: without the log nobody asks."""
        async with self._turn:
            return await self._ask(actuator, interlock, who, reason=reason, until_ms=until_ms)

    async def _ask(
        self, actuator: Actuator, interlock: str, who: Person, *, reason: str, until_ms: int
    ) -> Pending | Cause:
        now_ms = self._clock.now_ms()
        cause = self._refusal(actuator, interlock, now_ms=now_ms, until_ms=until_ms)
        if cause is not None:
            return cause
        lock = lock_of(actuator, interlock)
        assert lock is not None
        order = Order(
            id=secrets.token_hex(16),
            kind=OrderKind.OVERRIDE,
            actuator=actuator.facility,
            by=who.username,
            reason=reason,
            since_ms=now_ms,
            until_ms=until_ms,
            interlock=lock.id,
            condition=lock.expression.text,
        )
        wish = Pending(
            id=order.id,
            what=What.OVERRIDE,
            order=order,
            by=who.username,
            session=who.session,
            roles=who.roles,
            reason=reason,
            at_ms=now_ms,
        )
        words = Words("申请旁路", "override asked for")
        await self._recorder.commit(Change(entries=(self._entry("override.asked", wish.by, words, order),)))
        self._orders.waiting[wish.id] = wish
        return wish

    async def approve(self, wish: Pending, who: Person, *, content_hash: str) -> Order | Cause:
        """Let the override stand from now on. Raises StorageError: it is away from safe, and stands once it is written."""
        now_ms = self._clock.now_ms()
        order = wish.order
        cause = objection(wish, who, content_hash=content_hash, pair=None, now_ms=now_ms)
        if cause is None:
            actuator = self._park.actuators[order.actuator]
            cause = self._refusal(
                actuator, order.interlock or "", now_ms=now_ms, until_ms=order.until_ms or 0, wish=wish.id
            )
        if cause is not None:
            return cause
        given = Order(
            id=order.id,
            kind=order.kind,
            actuator=order.actuator,
            by=order.by,
            reason=order.reason,
            since_ms=now_ms,
            until_ms=order.until_ms,
            interlock=order.interlock,
            condition=order.condition,
            second=who.username,
        )
        entry = self._entry("override.given", who.username, Words("批准旁路", "override approved"), given)
        # Nobody agrees twice while the first word is being written.
        del self._orders.waiting[wish.id]
        try:
            await self._recorder.commit(Change(writes=(order_row(given),), entries=(entry,)))
        except BaseException:
            self._orders.waiting[wish.id] = wish
            raise
        self._orders.add(given)
        return given

    async def lift(self, order: Order, *, by: str) -> None:
        """Put the interlock back before its time; it is back from this moment, whatever the database does."""
        await self._bury(order, "override.lifted", by, Words("解除旁路", "override lifted"))

    async def take_back(self, wish: Pending, *, by: str) -> None:
        """Drop what waits for a second person."""
        if self._orders.waiting.pop(wish.id, None) is not None:
            words = Words("旁路申请撤回", "override withdrawn")
            await self._recorder.keep(
                Change(entries=(self._entry("override.withdrawn", by, words, wish.order),))
            )

    async def run(self, speaks: Callable[[], bool]) -> None:
        """End what has come to its end, for ever; `speaks`: of two controls, whether it is this one that does."""
        while True:
            if speaks():
                await self.look()
            await self._clock.sleep(0.0, floor_s=LOOK_S)

    async def look(self) -> None:
        """End the overrides whose time is over, and drop what nobody agreed to in time."""
        now_ms = self._clock.now_ms()
        for wish in overdue(self._orders.waiting, now_ms=now_ms):
            if self._orders.waiting.pop(wish.id, None) is None:
                continue  # taken back while another one's end was being written
            kind, words = _LAPSED[wish.what]
            await self._recorder.keep(Change(entries=(self._entry(kind, SYSTEM, words, wish.order),)))
        for order in self.all():
            if order.until_ms is None or now_ms >= order.until_ms:
                await self._bury(order, "override.ended", SYSTEM, Words("旁路到期", "override ended"))

    def _refusal(
        self, actuator: Actuator, interlock: str, *, now_ms: int, until_ms: int, wish: str | None = None
    ) -> Cause | None:
        if self._park.facilities[actuator.facility].tier is Tier.RIVER:
            return Cause(
                code=Code.MODE,
                detail=Words("河道闸门的联锁不得旁路", "no interlock of the river tier is overridden"),
            )
        if lock_of(actuator, interlock) is None:
            known = ", ".join(lock.id for lock in (*actuator.permits, *actuator.inhibits))
            return Cause(code=Code.MALFORMED, detail="interlock", values={"interlocks": known})
        if not 0 < until_ms - now_ms <= LIFE_MS_MAX:
            return Cause(
                code=Code.MALFORMED,
                detail=Words("旁路终止时间须在 8 小时之内", "an override ends within 8 h"),
                values={"until_ms": str(until_ms)},
            )
        others = [item for item in self.of(actuator.facility) if item.interlock == interlock]
        waits = [item.order for item in self._orders.waiting_on(actuator.facility) if item.id != wish]
        others += [item for item in waits if item.interlock == interlock]
        if others:
            return Cause(
                code=Code.MODE,
                detail=Words("此联锁已有旁路或申请", "it is overridden or asked for already"),
                values={"by": others[0].by},
            )
        return TOO_MANY if self._orders.is_waiting_full and wish is None else None

    async def _bury(self, order: Order, kind: str, by: str, words: Words) -> None:
        if order.id in self._orders.held.tombstones:
            return  # ended already: one record of one end (I13)
        self._orders.release([order.id])
        change = Change(
            writes=(order_row(order, is_released=True),), entries=(self._entry(kind, by, words, order),)
        )
        await self._recorder.keep(change)

    def _entry(self, kind: str, actor: str, verb: Words, order: Order) -> Entry:
        facility = self._park.facilities.get(order.actuator)
        actuator = self._park.actuators.get(order.actuator)
        # An order outlives what the park's files have: it ends all the same.
        name = Words(order.actuator, order.actuator) if facility is None else facility.words
        lock = None if actuator is None else lock_of(actuator, order.interlock or "")
        what = lock.words if lock is not None else Words(order.interlock or "", order.interlock or "")
        body: dict[str, Json] = {
            "order": order.id,
            "interlock": order.interlock,
            "condition": order.condition,
            "reason": order.reason,
            "by": order.by,
            "second": order.second,
            "until_ms": order.until_ms,
        }
        return Entry(
            at_ms=self._clock.now_ms(),
            actor=actor,
            kind=kind,
            object=order.actuator,
            words=Words(
                f"{name.zh}{verb.zh}:{what.zh}".rstrip(":"), f"{name.en}: {verb.en}: {what.en}".rstrip(": ")
            ),
            body=body,
        )
