"""Keep-closed orders between centre and edges that hear each other late, twice, in any order or not at all, beside a model of sets.

The model knows no merging: it remembers which ids each side was told of and which it was told are released.
"""

import json
from dataclasses import dataclass, field, replace
from typing import Any, cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from control.commands.orders import Orders
from control.commands.reports import report
from domain.ids import DeviceId, FacilityId, GatewayId
from domain.order import Order, OrderKind, OrderSet
from domain.park import Gateway, Park
from gateway.intake import Intake
from gateway.ledger import Ledger
from runtime.clock import ManualClock
from runtime.mqtt import Message
from tests.fakes.memory_ledger import reopened
from tests.unit.control.world import GW, OUTLET, PARK, PLC, RIVER, W
from wire.messages import OrdersMessage, Record, order_body, orders_body
from wire.signing import Role, load_signer, load_verifier, new_key, public_part
from wire.topics import Channel, ours

WEST, PLC_WEST = GatewayId("gw_west"), DeviceId("plc_west")
KEY = new_key(kid="k", role=Role.CONTROL, identity="control")
SIGNER, VERIFIER = load_signer(json.dumps(KEY)), load_verifier(json.dumps({"keys": [public_part(KEY)]}))
GATES = {OUTLET: GW, RIVER: WEST}


def two_gateways() -> Park:
    """The outlet behind one gateway, the sluice behind another."""
    west = replace(PARK.devices[PLC], id=PLC_WEST, gateway=WEST)
    return replace(
        PARK,
        gateways={**PARK.gateways, WEST: Gateway(id=WEST, words=W)},
        devices={**PARK.devices, PLC_WEST: west},
        actuators={**PARK.actuators, RIVER: replace(PARK.actuators[RIVER], device=PLC_WEST)},
    )


SITE = two_gateways()


class Edge:
    """One gateway's memory and ear, and beside them what it was told."""

    def __init__(self, gateway: GatewayId) -> None:
        self.gateway = gateway
        self.start(reopened(None))
        self.told: set[str] = set()
        self.released: set[str] = set()
        self.term = 0

    def start(self, ledger: Ledger) -> None:
        self.ledger = ledger
        nothing = cast("Any", None)
        self._intake = Intake(
            nothing, desk=cast("Any", self), watch=cast("Any", self), ledger=ledger, samples=nothing, records=nothing,
            publisher=nothing, unbelieved=nothing, verifier=VERIFIER, park=SITE.id, gateway=self.gateway,
            clock=ManualClock(),
        )  # fmt: skip

    def raise_term(self, term: int) -> None:
        """As the desk does."""
        self.ledger.raise_term(term)

    def orders_changed(self) -> None:
        """As the watch is told."""

    def hear(self, token: bytes) -> None:
        topic = ours(SITE.id, self.gateway, Channel.ORDERS)
        self._intake._take(Message(topic=topic, payload=token, received_s=0.0))

    def standing(self, gate: FacilityId) -> set[str]:
        return {order.id for order in self.ledger.orders.standing(gate, OrderKind.KEEP_CLOSED)}


@dataclass(frozen=True, slots=True)
class Letter:
    """An order set on its way, with what it says in the model's terms."""

    to: GatewayId
    token: bytes
    term: int
    ids: frozenset[str]
    dead: frozenset[str]


@dataclass(slots=True)
class Truth:
    """Every order ever given: id → gate, and who released it."""

    gates: dict[str, FacilityId] = field(default_factory=dict)
    released: set[str] = field(default_factory=set)


class KeepClosed(RuleBasedStateMachine):
    """Centre and two edges."""

    def __init__(self) -> None:
        super().__init__()
        self.centre = Orders(SITE)
        self.edges = {gateway: Edge(gateway) for gateway in (GW, WEST)}
        self.truth = Truth()
        self.heard_of: set[str] = set()
        self.letters: list[Letter] = []
        self.records: list[Record] = []
        self.term, self.count = 1, 0

    @rule(gate=st.sampled_from(sorted(GATES)))
    def the_centre_orders(self, gate: FacilityId) -> None:
        order = self._made(f"{self._next():032x}", gate, by="zhao")
        self.centre.add(order)
        self.heard_of.add(order.id)

    @rule(gate=st.sampled_from(sorted(GATES)))
    def an_edge_orders(self, gate: FacilityId) -> None:
        """A cut-off latches at the edge; its record comes to the centre some time later, perhaps twice."""
        edge = self.edges[GATES[gate]]
        offset = self._next()
        order = self._made(f"{edge.gateway}:{'a' * 32}:{offset}", gate, by=f"edge:{edge.gateway}/rule")
        edge.ledger.hold(edge.ledger.orders.with_orders(order))
        edge.told.add(order.id)
        self.records.append(
            Record(
                park=SITE.id, gateway=edge.gateway, epoch="a" * 32, offset=offset, at_ms=offset, kind="order",
                actuator=gate, body={"order": order_body(order)},
            )
        )  # fmt: skip

    @rule(data=st.data())
    def the_centre_releases(self, data: st.DataObject) -> None:
        """Somebody names the orders that are lifted; no others are."""
        alive = [order.id for order in self.centre.all_standing()]
        if alive:
            named = data.draw(st.lists(st.sampled_from(alive), unique=True, min_size=1))
            self.centre.release(named)
            self.truth.released |= set(named)

    @rule(to=st.sampled_from([GW, WEST]))
    def a_set_is_sent(self, to: GatewayId) -> None:
        self.letters.append(self._letter(to, self.term))

    @rule(to=st.sampled_from([GW, WEST]))
    def a_superseded_replica_releases_everything(self, to: GatewayId) -> None:
        """It signs well and does not know that it was superseded; the edge does."""
        if self.edges[to].term > 1:
            own = self.centre.of(to)
            forged = own.with_tombstones(own.orders)
            self.letters.append(self._letter(to, self.edges[to].term - 1, forged))

    @rule()
    def a_new_leader_comes(self) -> None:
        self.term += 1

    @precondition(lambda self: self.letters)
    @rule(data=st.data(), stays=st.booleans())
    def a_letter_arrives(self, data: st.DataObject, stays: bool) -> None:
        """Any of them, in any order; the broker may deliver it again."""
        letter = data.draw(st.sampled_from(self.letters))
        if not stays:
            self.letters.remove(letter)
        self._deliver(letter)

    @precondition(lambda self: self.records)
    @rule(data=st.data(), stays=st.booleans())
    def a_record_arrives(self, data: st.DataObject, stays: bool) -> None:
        record = data.draw(st.sampled_from(self.records))
        if not stays:
            self.records.remove(record)
        self._absorb(record)

    @precondition(lambda self: self.letters)
    @rule()
    def the_broker_loses_everything(self) -> None:
        self.letters.clear()

    @rule(gateway=st.sampled_from([GW, WEST]))
    def an_edge_restarts(self, gateway: GatewayId) -> None:
        edge = self.edges[gateway]
        edge.start(reopened(edge.ledger))

    @invariant()
    def each_side_holds_what_it_was_told(self) -> None:
        for gate, gateway in GATES.items():
            edge = self.edges[gateway]
            mine = {key for key, at in self.truth.gates.items() if at == gate}
            assert edge.standing(gate) == (edge.told & mine) - edge.released
            said = {order.id for order in self.centre.standing(gate, OrderKind.KEEP_CLOSED)}
            assert said == (self.heard_of & mine) - self.truth.released
            assert edge.ledger.term == edge.term

    @invariant()
    def no_order_is_lifted_that_nobody_released(self) -> None:
        for edge in self.edges.values():
            assert edge.released <= self.truth.released
            alive = edge.told - self.truth.released
            held = {key for gate in GATES for key in edge.standing(gate)}
            assert alive <= held

    @invariant()
    def equal_hashes_are_equal_sets(self) -> None:
        for gateway, edge in self.edges.items():
            mine = {key for key in self.heard_of if GATES[self.truth.gates[key]] == gateway}
            same = (mine, mine & self.truth.released) == (edge.told, edge.released)
            assert (self.centre.of(gateway).hash() == edge.ledger.orders.hash()) is same

    def teardown(self) -> None:
        """Once everything has been said, both sides hold the same, and what stands is what was not released."""
        for record in self.records:
            self._absorb(record)
        for gateway, edge in self.edges.items():
            self._deliver(self._letter(gateway, self.term))
            assert edge.ledger.orders.hash() == self.centre.of(gateway).hash()
        for gate, gateway in GATES.items():
            alive = {key for key, at in self.truth.gates.items() if at == gate} - self.truth.released
            assert self.edges[gateway].standing(gate) == alive

    def _next(self) -> int:
        self.count += 1
        return self.count

    def _made(self, key: str, gate: FacilityId, *, by: str) -> Order:
        self.truth.gates[key] = gate
        kind = OrderKind.KEEP_CLOSED
        return Order(id=key, kind=kind, actuator=gate, by=by, reason="超标", since_ms=self.count)

    def _letter(self, to: GatewayId, term: int, held: OrderSet | None = None) -> Letter:
        held = self.centre.of(to) if held is None else held
        said = OrdersMessage(park=SITE.id, gateway=to, term=term, orders=held)
        token = SIGNER.sign(orders_body(said))
        return Letter(to, token, term, frozenset(held.orders), held.tombstones)

    def _deliver(self, letter: Letter) -> None:
        edge = self.edges[letter.to]
        edge.hear(letter.token)
        edge.told |= letter.ids
        if letter.term >= edge.term:
            edge.released |= letter.dead
        edge.term = max(edge.term, letter.term)

    def _absorb(self, record: Record) -> None:
        found = report(record, None, SITE).order
        assert found is not None
        self.centre.add(found)
        self.heard_of.add(found.id)


KeepClosed.TestCase.settings = settings(max_examples=30, stateful_step_count=25)
TestKeepClosed = KeepClosed.TestCase
