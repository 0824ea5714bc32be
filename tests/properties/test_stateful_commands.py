"""A command as control follows it, over an edge whose reports are lost, doubled and reordered, beside a model of what the edge did.

The model is a few words long: what the edge did, in its order, and whether control gave up waiting. Whatever arrives when, the
outcome at the centre is the edge's, or that nobody knows; and once it is said it stays (I5).
"""

from dataclasses import replace
from typing import Any, cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from control.commands.patience import is_overdue
from control.commands.tracked import Tracked, Transition, body, tracked
from domain.command import Phase, State
from tests.unit.control.test_lifecycle import NOW_MS, made

ENDS = [State.CONFIRMED, State.FAILED, State.UNKNOWN, State.PREEMPTED]
AFTER: dict[str, list[State]] = {
    "asked": [State.SELECTED, State.OPERATING, State.REFUSED, State.EXPIRED, State.WITHDRAWN],
    "selected": [State.OPERATING, State.REFUSED, State.EXPIRED, State.WITHDRAWN, State.PREEMPTED],
    "operating": ENDS,
    "ended": [],
}
"""What an edge may do next, by where it is; written down again, apart from the product's own table."""
LATE_MS = 3_600_000


class Followed(RuleBasedStateMachine):
    """One command."""

    def __init__(self) -> None:
        super().__init__()
        self.now: Tracked = made()
        self.edge: list[State] = []
        self.on_the_way: list[tuple[int, State]] = []
        self.heard: set[State] = set()
        self.has_left = self.gave_up = False
        self.outcome: Tracked | None = None

    @initialize(is_away=st.booleans())
    def somebody_asks(self, is_away: bool) -> None:
        wanted = Phase.SELECT if is_away else Phase.OPERATE
        self.now = replace(made(), is_away=is_away, wanted=wanted)
        self.is_away = is_away
        self.its_message_leaves()

    @rule()
    def its_message_leaves(self) -> None:
        """Control marks it as gone before the bytes leave."""
        if self.now.is_awaiting:
            self.now = self.now.signed(cast("Phase", self.now.wanted), b"a.b.c").published()
            self.has_left = self.has_left or self.now.wanted is Phase.OPERATE

    @precondition(lambda self: self.is_away and self.now.state is State.SELECTED)
    @rule()
    def the_selected_is_operated(self) -> None:
        self.now = replace(self.now, wanted=Phase.OPERATE)
        self.its_message_leaves()

    @rule(data=st.data())
    def the_edge_goes_on(self, data: st.DataObject) -> None:
        """It acts only on what left; a report of it is on its way from then on."""
        last = self.edge[-1] if self.edge else None
        place = "asked" if last is None else last.value if last.value in AFTER else "ended"
        open_to = [state for state in AFTER[place] if self.has_left or state is not State.OPERATING]
        if not self.is_away:
            open_to = [state for state in open_to if state is not State.SELECTED]
        if open_to and self.now.sent:
            onwards = [state for state in open_to if state in {State.SELECTED, State.OPERATING}]
            state = data.draw(st.sampled_from([*onwards, *onwards, *onwards, *open_to]))
            self.edge.append(state)
            self.on_the_way.append((NOW_MS + len(self.edge), state))

    @precondition(lambda self: self.on_the_way)
    @rule(data=st.data(), stays=st.booleans())
    def a_report_arrives(self, data: st.DataObject, stays: bool) -> None:
        """Any of them, in any order, perhaps again later; the lost ones stay on their way for ever."""
        found = data.draw(st.sampled_from(self.on_the_way))
        if not stays:
            self.on_the_way.remove(found)
        phase = Phase.OPERATE if self.has_left else Phase.SELECT
        self.now = self.now.reported(phase, Transition(state=found[1], at_ms=found[0]))
        self.heard.add(found[1])

    @rule(patience=st.integers(0, 5))
    def control_waits_for_too_long(self, patience: int) -> None:
        if patience:
            return
        assert is_overdue(self.now, None, now_ms=NOW_MS + LATE_MS, speed=1.0)
        if not self.now.state.is_final:
            self.gave_up = True
        self.now = self.now.timed_out(now_ms=NOW_MS + LATE_MS)

    @rule()
    def control_restarts(self) -> None:
        self.now = tracked(cast("dict[str, Any]", body(self.now)))

    @invariant()
    def what_is_said_was_done(self) -> None:
        """A state at the centre was reported by the edge, or follows from having given up."""
        state = self.now.state
        if state is State.REQUESTED:
            assert not self.heard
        elif not self.gave_up:
            assert state in self.heard
        elif state not in self.heard:
            assert state is (State.UNKNOWN if self._may_have_moved() else State.EXPIRED)

    @invariant()
    def an_outcome_stays(self) -> None:
        if self.outcome is not None:
            assert (self.now.state, self.now.transitions) == (self.outcome.state, self.outcome.transitions)
            assert not self.now.is_awaiting
        elif self.now.state.is_final:
            self.outcome = self.now

    @invariant()
    def nothing_goes_backwards(self) -> None:
        order = [State.REQUESTED, State.SELECTED, State.OPERATING]
        seen = [item.state for item in self.now.transitions]
        ranks = [order.index(state) if state in order else len(order) for state in seen]
        assert ranks == sorted(set(ranks)), "each is entered once, and only onwards"

    def teardown(self) -> None:
        """When every report has come in its order and nobody gave up, the centre says what the edge did last."""
        fresh = replace(self.now, command=made().command, transitions=(), answered=frozenset())
        for number, state in enumerate(self.edge):
            phase = Phase.OPERATE if self.has_left else Phase.SELECT
            fresh = fresh.reported(phase, Transition(state=state, at_ms=NOW_MS + number))
        if self.edge:
            assert fresh.state is self.edge[-1]

    def _may_have_moved(self) -> bool:
        return self.has_left or State.OPERATING in self.heard


Followed.TestCase.settings = settings(max_examples=100, stateful_step_count=25)
TestFollowed = Followed.TestCase
