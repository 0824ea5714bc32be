"""Tickets as control keeps them, beside a model of who said what when: nothing is usable that another person has not agreed to (I9).

The model remembers words: who asked for what in which session, who agreed when to which hash, and what became of it. What control
lets through must follow from them, after any number of restarts, with the log there or gone.
"""

from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from control.bell import Bell
from control.commands.ticket import Ticket
from control.commands.ticket_entries import ticket
from control.commands.tickets import Tickets
from control.database.change import Change
from control.database.recorder import Recorder
from control.people.roles import Person, Role
from domain.approval import Consent
from domain.command import Action
from domain.errors import StorageError
from domain.park import Park
from runtime.clock import ManualClock
from tests.unit.control.world import OUTLET, PARK, RIVER, person

Result = TypeVar("Result")
PEOPLE = [
    replace(person(Role.OPERATOR, username=name), session=session)
    for name, session in (("zhao", "s1"), ("zhao", "s2"), ("li", "s1"), ("li", "s3"), ("wang", "s4"))
]
"""Two persons at two positions each, and two of them at the same one."""
MOVES: list[tuple[Action, dict[str, float]]] = [
    (Action.OPEN, {}), (Action.SET, {"opening_percent": 40.0}), (Action.SET, {"opening_percent": 60.0})
]  # fmt: skip
HOLDS_S = 600.0


@dataclass
class Words:
    """What was said of one ticket."""

    actuator: str
    move: tuple[Action, dict[str, float]]
    by: Person
    content: str
    agreed_s: float | None = None
    agreed_by: Person | None = None
    is_over: bool = False


def now(doing: Coroutine[Any, Any, Result]) -> Result:
    """Return what comes of it: nothing here waits for anything."""
    try:
        doing.send(None)
    except StopIteration as end:
        return cast("Result", end.value)
    raise AssertionError("it waits")


class Agreeing(RuleBasedStateMachine):
    """One control and its people."""

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.is_gone = ManualClock(), False
        self.disk: dict[str, dict[str, Any]] = {}
        self.told: list[str] = []
        self.said: dict[str, Words] = {}
        self.park: Park = PARK
        self.tickets = self._begun()

    def _begun(self) -> Tickets:
        return Tickets(self.park, cast("Recorder", self), self.clock, Bell())

    async def commit(self, change: Change) -> None:
        if self.is_gone:
            raise StorageError("gone")
        for write in change.writes:
            self.disk[str(write.row["id"])] = cast("dict[str, Any]", write.row["body"])
        self.told += [entry.kind for entry in change.entries]

    async def keep(self, change: Change) -> None:
        is_gone, self.is_gone = self.is_gone, False
        await self.commit(change)
        self.is_gone = is_gone

    @rule(who=st.sampled_from(PEOPLE), move=st.sampled_from(MOVES), actuator=st.sampled_from([OUTLET, RIVER]))
    def somebody_asks(self, who: Person, move: tuple[Action, dict[str, float]], actuator: str) -> None:
        try:
            made = now(self.tickets.ask(actuator, *move, who, reason="恢复"))  # type: ignore[arg-type]
        except StorageError:
            assert self.is_gone
            return
        mine = [item for item in self.said.values() if item.by.username == who.username]
        if isinstance(made, Ticket):
            self.said[made.id] = Words(actuator, move, who, made.content_hash)
        else:
            assert any(item.actuator == actuator and not item.is_over for item in mine)

    @precondition(lambda self: self.said)
    @rule(number=st.integers(0, 5), who=st.sampled_from(PEOPLE), is_same=st.integers(0, 4))
    def somebody_agrees(self, number: int, who: Person, is_same: int) -> None:
        key = list(self.said)[number % len(self.said)]
        found, words = self.tickets.find(key), self.said[key]
        assert found is not None
        content = words.content if is_same else "0" * 64
        try:
            made = now(self.tickets.approve(found, who, content_hash=content))
        except StorageError:
            return
        if isinstance(made, Ticket):
            assert not words.is_over
            assert words.agreed_by is None
            assert is_same
            assert who.username != words.by.username
            assert who.session != words.by.session
            words.agreed_by, words.agreed_s = who, self.clock.monotonic()

    @precondition(lambda self: self.said)
    @rule(number=st.integers(0, 5), who=st.sampled_from(PEOPLE))
    def somebody_ends_it(self, number: int, who: Person) -> None:
        key = list(self.said)[number % len(self.said)]
        found = self.tickets.find(key)
        assert found is not None
        try:
            made = now(self.tickets.end(found, who))
        except StorageError:
            return
        assert isinstance(made, Ticket) is not self.said[key].is_over
        if isinstance(made, Ticket):
            is_own = who.username == self.said[key].by.username
            assert self.told[-1] == ("ticket.withdrawn" if is_own else "ticket.refused")
        self.said[key].is_over = True

    @precondition(lambda self: self.said)
    @rule(number=st.integers(0, 5))
    def it_is_used(self, number: int) -> None:
        key = list(self.said)[number % len(self.said)]
        words = self.said[key]
        allowed = self.tickets.usable(
            key,
            words.actuator,
            *words.move,
            author=words.by.username,  # type: ignore[arg-type]
        )
        if not isinstance(allowed, Consent):
            return
        try:
            with self.tickets.using(key, by=words.by.username) as writes:
                now(self.commit(Change(writes=writes)))
        except StorageError:
            return
        words.is_over = True

    @rule(seconds=st.sampled_from([1.0, 250.0, 599.0, 601.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def control_looks(self) -> None:
        now(self.tickets.look())
        for key in self.said:
            found = self.tickets.find(key)
            assert found is not None
            self.said[key].is_over = not found.is_open

    @rule(is_gone=st.booleans())
    def the_log_goes_or_comes(self, is_gone: bool) -> None:
        self.is_gone = is_gone

    @rule()
    def control_restarts(self) -> None:
        self.tickets = self._begun()
        for held in self.disk.values():
            self.tickets._put(ticket(held))

    @invariant()
    def nothing_is_usable_that_another_person_has_not_agreed_to(self) -> None:
        for key, words in self.said.items():
            for author in ("zhao", "li", "wang"):
                for move in MOVES:
                    found = self.tickets.usable(key, words.actuator, *move, author=author)  # type: ignore[arg-type]
                    is_theirs = (author, move) == (words.by.username, words.move)
                    assert isinstance(found, Consent) is (is_theirs and self._holds(words))

    def _holds(self, words: Words) -> bool:
        if words.is_over or words.agreed_by is None or words.agreed_s is None:
            return False
        is_another = (
            words.agreed_by.username != words.by.username and words.agreed_by.session != words.by.session
        )
        return is_another and self.clock.monotonic() - words.agreed_s < HOLDS_S


Agreeing.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestAgreeing = Agreeing.TestCase
