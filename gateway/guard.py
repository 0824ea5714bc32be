"""Keeps actuators where orders want them: looks after every poll, remembers what was proved, re-asserts, and asks a person."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from domain.ids import FacilityId
from domain.order import Order, OrderKind, OrderSet
from domain.park import Actuator, SafePosition, Tier
from domain.position import Position, indicate
from gateway.executor import Executor
from gateway.field import Field
from gateway.image import DeviceImage
from gateway.ledger import Ledger
from gateway.reassertion import Act, Look, Proof, Verdict, decide
from gateway.records import Records
from runtime.clock import Clock
from runtime.log import logger

COUNTERS_S = 30.0
"""Wall seconds for the counters to be read after the link came back."""

MoveToSafe = Callable[[Actuator, str, str], None]
"""Gives a command of the edge's own: actuator, author, reason."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the orders say of one actuator."""

    standing: frozenset[str] = frozenset()
    is_tagged: bool = False
    tags: frozenset[str] = frozenset()


class Guard:
    """The edge's own hand under keep-closed and keep-open orders."""

    def __init__(
        self, field: Field, executor: Executor, *, ledger: Ledger, records: Records, clock: Clock
    ) -> None:
        self._field = field
        self._executor = executor
        self._ledger = ledger
        self._records = records
        self._clock = clock
        self._log = logger("guard")
        self._proofs: dict[FacilityId, Proof] = {
            FacilityId(key): proof for key, text in ledger.kept.items() if (proof := _proof(text)) != Proof()
        }
        self._seen_s: dict[FacilityId, float] = {}
        """Actuator → when its feedback was last trusted."""
        self._back: dict[FacilityId, float] = {}
        """Actuators whose link came back since they were last seen at their safe position, and when it did."""
        self._tried_s: dict[FacilityId, float] = {}
        self._of: tuple[OrderSet | None, Mapping[FacilityId, _Kept]] = (None, {})

    def look(self, image: DeviceImage, actuator: Actuator, move: MoveToSafe) -> None:
        """Look at one actuator whose feedback was just read."""
        facility, now_s = actuator.facility, self._clock.monotonic()
        kept = self._kept().get(facility)
        if kept is None and facility not in self._proofs:
            return  # nothing keeps it, and nothing did: most looks end here
        seen = self._look(actuator, kept or _Kept())
        if seen is None:
            return
        last_s = self._seen_s.get(facility)
        if last_s is None or now_s - last_s > 2 * image.stale_after_s(speed=self._clock.speed):
            self._back[facility] = now_s
        self._seen_s[facility] = now_s
        is_counting = actuator.feedback.local_switches is not None and actuator.feedback.boots is not None
        if (
            is_counting
            and seen.counters is None
            and now_s - self._back.get(facility, -COUNTERS_S) < COUNTERS_S
        ):
            return  # of what comes back, the limits may be read before the counters
        seen = replace(seen, has_come_back=facility in self._back)
        proof = self._proofs.get(facility, Proof())
        if self._executor.was_just_moving(facility) or self._executor.is_busy(facility):
            self._tried_s[facility] = now_s
            return
        waited_s = now_s - self._tried_s.get(facility, float("-inf"))
        verdict = decide(proof, seen, actuator.drive, waited_s=waited_s)
        if seen.is_safe:
            self._back.pop(facility, None)
        if verdict.proof != proof:
            self._proofs[facility] = verdict.proof
            if verdict.proof == Proof():
                del self._proofs[facility]
            self._ledger.keep_kept(facility, _text(verdict.proof))
        if verdict.act is not Act.REST:
            self._act(actuator, seen, verdict, move)

    def has_proved(self, order: Order) -> bool:
        """Whether the actuator was ever seen at its safe position under `order`."""
        return order.id in self._proofs.get(order.actuator, Proof()).orders

    def _act(self, actuator: Actuator, seen: Look, verdict: Verdict, move: MoveToSafe) -> None:
        facility = actuator.facility
        self._log.warning("not where an order keeps it", actuator=facility, act=verdict.act.value)
        self._records.make(
            "reassert",
            {
                "orders": sorted(seen.standing),
                "act": verdict.act.value,
                "try": verdict.proof.tries,
                "words": verdict.words.as_dict(),
            },
            actuator=facility,
        )
        if verdict.act is Act.REASSERT:
            self._tried_s[facility] = self._clock.monotonic()
            words = verdict.words
            move(actuator, f"edge:{self._records.gateway}", f"{words.zh} / {words.en}")

    def _kept(self) -> Mapping[FacilityId, "_Kept"]:
        """Return what stands on each actuator that any order is about; made anew when the set has changed."""
        orders = self._ledger.orders
        if orders is not self._of[0]:
            about = {order.actuator for order in orders.orders.values()}
            self._of = (orders, {facility: _kept(orders, facility) for facility in about})
        return self._of[1]

    def _look(self, actuator: Actuator, kept: "_Kept") -> Look | None:
        """Return what is seen now; None while the feedback is not to be trusted."""
        read, names = self._field.reading, actuator.feedback
        shown = indicate(read(actuator.point(names.opened)), read(actuator.point(names.closed))).position
        remote = read(actuator.point(names.remote))
        if shown in {Position.UNKNOWN, Position.CONTRADICTION} or not remote.is_trusted:
            return None
        safe = Position.CLOSED if actuator.safe_position is SafePosition.CLOSED else Position.OPEN
        moving = read(actuator.point(names.moving)) if names.moving is not None else None
        return Look(
            standing=kept.standing,
            is_safe=shown is safe,
            is_remote=remote.value is True,
            is_tagged=kept.is_tagged,
            tags=kept.tags,
            counters=self._counters(actuator),
            is_moving=bool(moving.value) if moving is not None and moving.is_trusted else None,
            has_come_back=False,
            is_river=self._field.park.facilities[actuator.facility].tier is Tier.RIVER,
        )

    def _counters(self, actuator: Actuator) -> dict[str, float] | None:
        """Return the PLC's counters; None unless it has both and both are trusted."""
        found: dict[str, float] = {}
        for name in (actuator.feedback.local_switches, actuator.feedback.boots):
            reading = self._field.reading(actuator.point(name)) if name is not None else None
            if name is None or reading is None or not reading.is_trusted:
                return None
            if not isinstance(reading.value, int | float) or isinstance(reading.value, bool):
                return None
            found[name] = float(reading.value)
        return found


def _kept(orders: OrderSet, facility: FacilityId) -> _Kept:
    tags = (key for key, order in orders.on({facility}).orders.items() if order.kind is OrderKind.TAG_OUT)
    return _Kept(
        standing=frozenset(order.id for order in orders.keeping(facility)),
        is_tagged=bool(orders.standing(facility, OrderKind.TAG_OUT)),
        tags=frozenset(tags),
    )


def _text(proof: Proof) -> str:
    return json.dumps(
        {
            "orders": sorted(proof.orders),
            "counters": dict(proof.counters),
            "tags": sorted(proof.tags),
            "is_touched": proof.is_touched,
            "tries": proof.tries,
            "is_asked": proof.is_asked,
        },
        sort_keys=True,
    )


def _proof(text: str) -> Proof:
    held = json.loads(text)
    return Proof(
        orders=frozenset(held["orders"]),
        counters=held["counters"],
        tags=frozenset(held["tags"]),
        is_touched=held["is_touched"],
        tries=held["tries"],
        is_asked=held["is_asked"],
    )
