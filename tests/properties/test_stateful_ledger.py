"""The gateway's memory over kills and full disks, beside a model that knows which word reached the disk and which waits for it."""

from copy import deepcopy
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from domain.command import Action, Phase, State
from domain.ids import CommandId, FacilityId
from domain.order import Order, OrderKind, OrderSet
from gateway.ledger import BD_SEQ_MAX
from gateway.ledger_entry import Entry
from tests.fakes.memory_ledger import reopened

Key = tuple[CommandId, Phase]

IDS = [CommandId(f"{number:032x}") for number in range(5)]
KEYS = [(one, phase) for one in IDS for phase in Phase]
WRITTEN = {State.OPERATING, State.CONFIRMED, State.FAILED, State.UNKNOWN, State.PREEMPTED}
GATES = ("gate", "inlet")


@dataclass
class Held:
    """All that a gateway knows."""

    entries: dict[Key, State] = field(default_factory=dict)
    term: int = 0
    orders: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)
    has_met_broker: bool = False
    bd_seq: int = BD_SEQ_MAX
    travels: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)


class Memory(RuleBasedStateMachine):
    """One gateway's ledger through its lives."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = reopened(None)
        self.known, self.disk = Held(), Held()
        self.waiting: set[Key | str] = set()
        """Entries and travels that go to the disk with whatever goes there next."""
        self.is_full, self.count = False, 0

    @rule(key=st.sampled_from(KEYS), state=st.sampled_from(State))
    def it_writes_down_an_entry(self, key: Key, state: State) -> None:
        self.known.entries[key] = state
        self.waiting.add(key)
        assert self.ledger.put(self._entry(key, state)) is not self.is_full
        self._all_is_written()

    @rule(key=st.sampled_from(KEYS), state=st.sampled_from(State))
    def it_remembers_an_entry_for_the_next_writing(self, key: Key, state: State) -> None:
        self.known.entries[key] = state
        self.waiting.add(key)
        self.ledger.remember(self._entry(key, state))

    @rule()
    def it_keeps_house(self) -> None:
        assert self.ledger.flush() or self.is_full
        self._all_is_written()

    @rule(term=st.integers(0, 9))
    def a_leader_claims_it(self, term: int) -> None:
        assert self.ledger.raise_term(term) is (term > self.known.term)
        self.known.term = max(term, self.known.term)
        self._standing_is_written()

    @rule(number=st.integers(0, 4))
    def an_order_is_given(self, number: int) -> None:
        order = Order(
            id=f"o{number}", kind=OrderKind.KEEP_CLOSED, actuator=FacilityId("gate"), by="wang", reason="超标", since_ms=1
        )  # fmt: skip
        self.ledger.hold(self.ledger.orders.with_orders(order))
        self.known.orders.add(order.id)
        self._standing_is_written()

    @rule(number=st.integers(0, 4))
    def an_order_is_released(self, number: int) -> None:
        self.ledger.hold(self.ledger.orders.merged(OrderSet(tombstones=frozenset({f"o{number}"}))))
        self.known.dead.add(f"o{number}")
        self._standing_is_written()

    @rule()
    def it_meets_the_broker(self) -> None:
        is_new = not self.known.has_met_broker
        self.ledger.meet_broker()
        self.known.has_met_broker = True
        if is_new:
            self._standing_is_written()

    @rule()
    def a_session_begins(self) -> None:
        self.known.bd_seq = (self.known.bd_seq + 1) % (BD_SEQ_MAX + 1)
        self.ledger.keep_bd_seq(self.known.bd_seq)
        self._standing_is_written()

    @rule(gate=st.sampled_from(GATES))
    def a_travel_is_learnt_for_the_next_writing(self, gate: str) -> None:
        self.known.travels[gate] = self._next()
        self.waiting.add(gate)
        self.ledger.keep_travels(gate, self.known.travels[gate])

    @rule(gate=st.sampled_from(GATES))
    def what_was_proved_of_a_gate_changes(self, gate: str) -> None:
        self.known.kept[gate] = self._next()
        self.ledger.keep_kept(gate, self.known.kept[gate])
        self._facts_are_written()

    @rule()
    def the_disk_fills(self) -> None:
        self.is_full = True
        self.ledger._database.execute("pragma query_only=on")

    @rule()
    def the_disk_has_room_again(self) -> None:
        self.is_full = False
        self.ledger._database.execute("pragma query_only=off")

    @rule()
    def it_is_killed(self) -> None:
        self.ledger = reopened(self.ledger)
        self.known, self.is_full = deepcopy(self.disk), False
        self.waiting.clear()

    @invariant()
    def it_knows_what_it_was_told(self) -> None:
        ledger, known = self.ledger, self.known
        assert {key: one.state for key in KEYS if (one := ledger.entry(*key))} == known.entries
        operated = {key[0]: state for key, state in known.entries.items() if key[1] is Phase.OPERATE}
        assert {one.id for one in ledger.unfinished()} == {
            key for key, state in operated.items() if not state.is_final
        }
        assert {one.id for one in ledger.moves()} == {
            key for key, state in operated.items() if state in WRITTEN
        }
        assert (set(ledger.orders.orders), ledger.orders.tombstones) == (known.orders, known.dead)
        assert (ledger.term, ledger.has_met_broker, ledger.bd_seq) == (
            known.term,
            known.has_met_broker,
            known.bd_seq,
        )
        assert (ledger.travels, ledger.kept) == (known.travels, known.kept)

    @invariant()
    def whoever_keeps_house_knows_that_something_waits(self) -> None:
        if not self.waiting and self.known != self.disk:
            assert self.ledger.is_failing

    def teardown(self) -> None:
        self.ledger.close()

    def _entry(self, key: Key, state: State) -> Entry:
        self.count += 1
        return Entry(
            id=key[0], phase=key[1], hash="h", actuator=FacilityId("gate"), action=Action.CLOSE, author="wang",
            reason="因", parameters={}, state=state, record=b"token", at_ms=self.count,
        )  # fmt: skip

    def _next(self) -> str:
        self.count += 1
        return str(self.count)

    def _all_is_written(self) -> None:
        if not self.is_full:
            self.disk = deepcopy(self.known)
            self.waiting.clear()

    def _standing_is_written(self) -> None:
        if not self.is_full:
            known = deepcopy(self.known)
            self.disk.term, self.disk.orders, self.disk.dead = known.term, known.orders, known.dead
            self.disk.has_met_broker, self.disk.bd_seq = known.has_met_broker, known.bd_seq

    def _facts_are_written(self) -> None:
        if not self.is_full:
            self.disk.travels, self.disk.kept = dict(self.known.travels), dict(self.known.kept)
            self.waiting.difference_update(GATES)


Memory.TestCase.settings = settings(max_examples=40, stateful_step_count=30)
TestMemory = Memory.TestCase
