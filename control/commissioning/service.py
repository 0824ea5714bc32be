"""Keeps the commissioning checks: begins them, notes what is seen, and turns a signature into an order for the edges.

What has to be seen, and what shows it, is decided by domain.commissioning.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from control.bell import Bell
from control.commands.entries import order_row
from control.commands.orders import Orders
from control.commissioning.entries import Held, Stage, held_of, told
from control.database.change import Change
from control.database.recorder import Recorder
from control.database.tables import COMMISSIONINGS
from control.live.image import Image
from control.people.roles import Person
from domain.command import Action, State
from domain.commissioning import Check, Part, items_of, proved_by, shown_by
from domain.errors import StorageError
from domain.ids import FacilityId, PointRef
from domain.order import Order, OrderKind
from domain.park import Park
from domain.refusal import Cause, Code
from domain.words import Words
from runtime.clock import Clock
from wire.canonical import Json
from wire.messages import Record

LOOK_S = 1.0
"""Wall seconds at most until what was seen is written down."""
LIFE_MS_MAX = 12 * 3_600_000
"""Model milliseconds after which a check that nobody ended is over: its engineer has gone home."""
SYSTEM = "system"


class Commissioning:
    """The checks of the park, running and signed."""

    def __init__(
        self, park: Park, image: Image, orders: Orders, recorder: Recorder, clock: Clock, changes: Bell
    ) -> None:
        self._park = park
        self._image = image
        self._orders = orders
        self._recorder = recorder
        self._clock = clock
        self._changes = changes
        self._running: dict[FacilityId, Held] = {}
        self._last: dict[FacilityId, Held] = {}
        """The newest that is over."""
        self._busy: set[FacilityId] = set()
        """Actuators of which something is being written that decides who may command them."""
        self._unwritten: dict[FacilityId, list[str]] = {}
        """Items seen and not in the database yet."""

    async def load(self, engine: AsyncEngine) -> None:
        """Take what the database holds."""
        async with engine.connect() as connection:
            wanted = select(COMMISSIONINGS.c.body).order_by(COMMISSIONINGS.c.started_ms)
            bodies = (await connection.scalars(wanted)).all()
        for content in bodies:
            held = held_of(content, self._park)
            if held is not None:
                (self._running if held.is_running else self._last)[held.actuator] = held

    def running(self, actuator: FacilityId) -> Held | None:
        """Return the check that goes on at `actuator`."""
        return self._running.get(actuator)

    def last(self, actuator: FacilityId) -> Held | None:
        """Return the newest check of `actuator` that is over."""
        return self._last.get(actuator)

    def find(self, check: str) -> Held | None:
        """Return a check that goes on."""
        return next((held for held in self._running.values() if held.id == check), None)

    async def begin(self, actuator: FacilityId, who: Person) -> Held | Cause:
        """Begin a check by `who`. Raises StorageError: without the log nobody begins one."""
        standing = self._running.get(actuator)
        if standing is not None:
            busy = Words("正在联调", "is being commissioned")
            return Cause(code=Code.MODE, detail=busy, values={"by": standing.by})
        if actuator in self._busy:
            return Cause(code=Code.BUSY)
        now_ms = self._clock.now_ms()
        order = self._order(OrderKind.COMMISSIONING, actuator, who.username, reason="联调 commissioning")
        items = items_of(self._park.actuators[actuator], self._park)
        check = Check(actuator=actuator, drive=self._orders.drives[actuator], items=items)
        held = Held(id=secrets.token_hex(8), check=check, by=who.username, order=order.id, started_ms=now_ms)
        change = told(
            held, self._park, kind="begun", verb=Words("开始联调", "commissioning begun"), actor=who.username, at_ms=now_ms
        )  # fmt: skip
        self._busy.add(actuator)
        try:
            await self._recorder.commit(Change(writes=(order_row(order),)) + change)
        finally:
            self._busy.discard(actuator)
        self._orders.add(order)
        self._running[actuator] = held
        for ref in {item.point for item in items if item.point is not None}:
            self._look(held.actuator, ref)
        self._changes.ring()
        return held

    async def confirm(self, held: Held, item: str, who: Person, *, note: str) -> Held | Cause:
        """Note what somebody on site has seen. Raises StorageError."""
        wanted = next((one for one in held.check.missing if one.id == item), None)
        if who.username != held.by:
            return _not_theirs(held)
        if wanted is None or wanted.part is not Part.SITE:
            return Cause(code=Code.MALFORMED, detail="item")
        now_ms = self._clock.now_ms()
        after = held.seeing((item,), {"note": note}, at_ms=now_ms)
        verb = Words("联调现场确认", "commissioning: seen on site")
        await self._recorder.commit(
            told(after, self._park, kind="confirmed", verb=verb, actor=who.username, at_ms=now_ms, item=item, note=note)
        )  # fmt: skip
        now = self._running.get(held.actuator)
        if now is not None and now.id == held.id:
            after = self._running[held.actuator] = now.seeing((item,), {"note": note}, at_ms=now_ms)
        self._changes.ring()
        return after

    async def sign(self, held: Held, who: Person, *, witness: str, note: str) -> Held | Cause:
        """Sign for a check that is complete; the actuator is commandable from then on. Raises StorageError."""
        if who.username != held.by:
            return _not_theirs(held)
        await self.write()
        if held.check.missing:
            missing = {item.id: item.words.zh for item in held.check.missing}
            lacking = Words(f"还差 {len(missing)} 项", f"{len(missing)} items are missing")
            return Cause(code=Code.NOT_COMMISSIONED, detail=lacking, values=missing)
        if held.check.drive != self._orders.drives[held.actuator]:
            return Cause(code=Code.DEFINITION)
        signed = self._order(
            OrderKind.COMMISSIONED,
            held.actuator,
            who.username,
            reason=note or "联调合格 passed",
            second=witness,
        )
        gone = [held.order, *(order.id for order in self._words_of(held.actuator))]
        after = replace(
            held, stage=Stage.SIGNED, signed_by=who.username, witness=witness, ended_ms=self._clock.now_ms()
        )
        verb = Words("联调签字", "commissioning signed")
        await self._end(after, who.username, gone, (signed,), "signed", verb, witness=witness, note=note)
        return after

    async def abandon(self, held: Held, by: str, *, reason: str) -> None:
        """End a check without a signature. Raises StorageError."""
        after = replace(held, stage=Stage.ABANDONED, ended_ms=self._clock.now_ms())
        verb = Words("联调中止", "commissioning abandoned")
        await self._end(after, by, [held.order], (), "abandoned", verb, reason=reason)

    async def void(self, actuator: FacilityId, who: Person, *, reason: str) -> None:
        """Take back every word that stands for `actuator`: it obeys nobody until it is checked again. Raises StorageError."""
        now_ms = self._clock.now_ms()
        gone = [order.id for order in self._words_of(actuator)]
        void = self._order(OrderKind.COMMISSION_VOID, actuator, who.username, reason=reason)
        last = self._last.get(actuator)
        held = last or Held(
            id=secrets.token_hex(8),
            check=Check(actuator=actuator, drive=self._orders.drives[actuator], items=()),
            by=who.username,
            order=void.id,
            started_ms=now_ms,
        )
        after = replace(held, stage=Stage.VOID, ended_ms=now_ms)
        verb = Words("联调签字作废", "commissioning declared void")
        await self._end(after, who.username, gone, (void,), "void", verb, reason=reason)

    def see(self, refs: Iterable[PointRef]) -> None:
        """Look at points that may have changed."""
        if self._running:
            for ref in refs:
                facility = FacilityId(ref.partition("/")[0])
                if facility in self._running:
                    self._look(facility, ref)

    def hear(self, record: Record) -> Callable[[], Change] | None:
        """Take a command's proof for what it shows: it must be by whoever checks. Return what is to be written of it."""
        held = self._running.get(record.actuator) if record.actuator is not None else None
        said = record.body
        if held is None or record.kind != "command" or said.get("author") != held.by:
            return None
        if said.get("state") != State.CONFIRMED.value or record.at_ms < held.started_ms:
            return None
        execution = said.get("execution")
        travel_ms = execution.get("travel_ms") if isinstance(execution, dict) else None
        travel_s = travel_ms / 1000 if isinstance(travel_ms, int) else None
        action = next((item for item in Action if item.value == said.get("action")), None)
        items = () if action is None else proved_by(held.check, action, travel_s=travel_s)
        if not items:
            return None
        evidence: Json = {"command": said.get("id"), "travel_s": travel_s}
        after = held.seeing(items, evidence, at_ms=self._clock.now_ms())
        self._running[after.actuator] = after
        return lambda: self._seen(self._running.get(after.actuator, after), items)

    async def run(self) -> None:
        """Write down what was seen, and end what nobody ended, for ever."""
        while True:
            await self._changes.heard(timeout_s=LOOK_S)
            await self.write()
            for held in list(self._running.values()):
                if self._clock.now_ms() - held.started_ms > LIFE_MS_MAX and self._recorder.is_available:
                    await self.abandon(held, SYSTEM, reason="超时 too long")

    async def write(self) -> None:
        """Write down what was seen since the last time."""
        unwritten, self._unwritten = self._unwritten, {}
        for actuator, items in unwritten.items():
            held = self._running.get(actuator)
            if held is not None:
                await self._recorder.keep(self._seen(held, tuple(items)))

    def _seen(self, held: Held, items: tuple[str, ...]) -> Change:
        verb = Words("联调项目已见", "commissioning: seen")
        at_ms, seen = self._clock.now_ms(), [*items]
        return told(held, self._park, kind="seen", verb=verb, actor=held.by, at_ms=at_ms, items=list(seen))

    def _look(self, actuator: FacilityId, ref: PointRef) -> None:
        reading = self._image.reading(ref, now_s=self._clock.monotonic())
        items = shown_by(self._running[actuator].check, ref, reading)
        if items:
            self._note(actuator, items, {"value": reading.value, "observed_ms": reading.observed_ms})

    def _note(self, actuator: FacilityId, items: tuple[str, ...], evidence: Json) -> None:
        if not items:
            return
        held = self._running[actuator]
        self._running[actuator] = held.seeing(items, evidence, at_ms=self._clock.now_ms())
        self._unwritten.setdefault(actuator, []).extend(items)
        self._changes.ring()

    async def _end(
        self,
        after: Held,
        by: str,
        gone: list[str],
        new: tuple[Order, ...],
        kind: str,
        verb: Words,
        **more: Json,
    ) -> None:
        at_ms = self._clock.now_ms()
        dead = [self._orders.held.orders[key] for key in gone if key in self._orders.held.orders]
        writes = (
            *(order_row(order, is_released=True) for order in dead),
            *(order_row(order) for order in new),
        )
        orders: list[Json] = [*gone, *(order.id for order in new)]
        change = told(after, self._park, kind=kind, verb=verb, actor=by, at_ms=at_ms, orders=orders, **more)
        running = self._running.get(after.actuator)
        is_ours = running is not None and running.id == after.id
        if after.actuator in self._busy or (after.stage is not Stage.VOID and not is_ours):
            message = "the check is being ended already"
            raise StorageError(message)
        self._busy.add(after.actuator)
        try:
            await self._recorder.commit(Change(writes=writes) + change)
        finally:
            self._busy.discard(after.actuator)
        self._orders.release(gone)
        self._orders.add(*new)
        if is_ours:
            del self._running[after.actuator]
            self._unwritten.pop(after.actuator, None)
        self._last[after.actuator] = after
        self._changes.ring()

    def _words_of(self, actuator: FacilityId) -> tuple[Order, ...]:
        """Return what stands for or against an earlier signature."""
        kinds = (OrderKind.COMMISSIONED, OrderKind.COMMISSION_VOID)
        return tuple(order for kind in kinds for order in self._orders.standing(actuator, kind))

    def _order(
        self, kind: OrderKind, actuator: FacilityId, by: str, *, reason: str, second: str | None = None
    ) -> Order:
        return Order(
            id=secrets.token_hex(16),
            kind=kind,
            actuator=actuator,
            by=by,
            reason=reason,
            since_ms=self._clock.now_ms(),
            condition=self._orders.drives[actuator],
            second=second,
        )


def _not_theirs(held: Held) -> Cause:
    words = Words("由开始联调的工程师本人操作", "for the engineer who began it")
    return Cause(code=Code.NO_AUTHORITY, detail=words, values={"by": held.by})
