"""Where requests become commands: decided, written, signed, and only then handed to the sender.

Away from safe nothing goes out that is not written; toward safe and stop nothing waits for the database (the two directions
of the safety rules).
"""

import secrets
from dataclasses import dataclass, replace

from control.bell import Bell
from control.commands.book import Book
from control.commands.entries import asked, causes, refused
from control.commands.gate import Clear, NeedsConfirmation, Request
from control.commands.message import expiry_ms
from control.commands.pen import Pen
from control.commands.ticket import Ticket
from control.commands.tickets import Tickets
from control.commands.tracked import Tracked
from control.commands.view import View
from control.database.recorder import Recorder
from control.people.roles import Person
from domain.admission import Direction
from domain.approval import Consent
from domain.command import Command, Phase, State
from domain.errors import StorageError
from domain.ids import CommandId
from domain.refusal import Cause, Code, Refused
from domain.words import Words
from runtime.clock import Clock
from wire.canonical import Json

SELECT_S_MAX = 5.0
"""Wall seconds until the edge must have answered a select."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """It is a command now."""

    tracked: Tracked


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """It is none; nothing has gone out."""

    code: str
    reasons: tuple[Json, ...]


Outcome = Accepted | Declined
CONFIRM = "confirm-warnings"


class Desk:
    """Takes requests of persons and of plan runs."""

    def __init__(
        self,
        view: View,
        book: Book,
        tickets: Tickets,
        pen: Pen,
        recorder: Recorder,
        clock: Clock,
        changes: Bell,
    ) -> None:
        self._view = view
        self._book = book
        self._tickets = tickets
        self._pen = pen
        self._recorder = recorder
        self._clock = clock
        self._changes = changes
        self._operated: set[CommandId] = set()
        """Selects whose operate is being written: a second one would be signed as other bytes."""

    async def ask(self, request: Request, person: Person) -> Ticket | Declined:
        """Ask for the second person of a move away from safe; what speaks against it now is said now (I9)."""
        verdict = self._view.consider(request, person, asks_second=False)
        if not isinstance(verdict, Clear):
            return await self._stop_here(request, person, verdict)
        if verdict.way is not Direction.AWAY_FROM_SAFE:
            cause = Cause(code=Code.MALFORMED, detail=Words("不需操作票", "needs no ticket"))
            return await self._decline(request, person, (cause,))
        try:
            made = await self._tickets.ask(
                request.actuator, request.action, request.parameters, person, reason=request.reason
            )
        except StorageError:
            made = Cause(code=Code.AUDIT)
        return made if isinstance(made, Ticket) else await self._decline(request, person, (made,))

    async def select(self, request: Request, person: Person) -> Outcome:
        """Select an actuator for a move away from safe; return when the edge has answered."""
        others = self._book.open_on(request.actuator)
        if others:
            mine = all(item.command.author == person.username for item in others)
            code = Code.BUSY if mine or others[0].state is State.OPERATING else Code.ALREADY_SELECTED
            return await self._decline(
                request, person, (Cause(code=code, values={"by": others[0].command.author}),)
            )
        if request.ticket is not None:
            found = self._agreed(request.ticket, request, person)
            if isinstance(found, Cause):
                return await self._decline(request, person, (found,))
            agreed = self._tickets.find(request.ticket)
            request = replace(
                request, consent=found, reason=request.reason if agreed is None else agreed.reason
            )
        verdict = self._view.consider(request, person)
        if not isinstance(verdict, Clear):
            return await self._stop_here(request, person, verdict)
        if verdict.way is not Direction.AWAY_FROM_SAFE:
            cause = Cause(code=Code.MALFORMED, detail=Words("不需预选", "needs no select"))
            return await self._decline(request, person, (cause,))
        tracked = self._signed(self._new(request, person, wanted=Phase.SELECT, is_away=True))
        try:
            await self._recorder.commit(asked(tracked, verdict.warnings, self._view.park, phase="select"))
        except StorageError:
            return await self._decline(request, person, (Cause(code=Code.AUDIT),))
        self._hold(tracked)
        return await self._selected(tracked.id)

    async def cancel(self, select: CommandId, person: Person) -> Outcome:
        """Take a select back."""
        tracked = self._book.get(select)
        if tracked is None or tracked.command.author != person.username or not self._is_select(tracked):
            return Declined(
                code=Code.NOT_SELECTED.value, reasons=tuple(causes([Cause(code=Code.NOT_SELECTED)]))
            )
        if tracked.state.is_final or tracked.wanted is not Phase.SELECT:
            return Accepted(tracked=tracked)
        return Accepted(tracked=await self._take_back(tracked))

    async def operate(
        self,
        request: Request,
        person: Person,
        *,
        select: CommandId | None = None,
        idempotency_key: str | None = None,
        run: str | None = None,
    ) -> Outcome:
        """Make a command of `request` and hand it to the sender; the same key again returns the same command."""
        before = self._book.by_key(person.username, idempotency_key) if idempotency_key is not None else None
        if before is not None and _is_asked_by(before, request):
            return Accepted(tracked=before)
        if before is not None:
            cause = Cause(code=Code.MALFORMED, detail="Idempotency-Key")
            return await self._decline(request, person, (cause,))
        # Away from safe the consent is that of the select's ticket; without a select of one's own, that is what is missing.
        chosen = self._book.get(select) if select is not None else None
        is_own = chosen is not None and _is_of(chosen, request, person)
        if chosen is not None and is_own and chosen.ticket is not None:
            request = replace(request, consent=chosen.consent)
        verdict = self._view.consider(request, person, but=select, asks_second=is_own)
        if not isinstance(verdict, Clear):
            return await self._stop_here(request, person, verdict)
        accepted = tuple(sorted({cause.shown for cause in verdict.warnings}))
        if verdict.way is Direction.AWAY_FROM_SAFE:
            return await self._operate_selected(request, person, select, idempotency_key, verdict.warnings)
        new = self._new(request, person, wanted=Phase.OPERATE, is_away=False)
        tracked = self._signed(replace(new, accepted=accepted, run=run, idempotency_key=idempotency_key))
        # Held before it is kept: the same key asked twice at once must not make two commands. Sent only when it is kept.
        self._book.put(replace(tracked, wanted=None), now_s=self._clock.monotonic())
        await self._recorder.keep(asked(tracked, verdict.warnings, self._view.park, phase="request"))
        now = self._book.get(tracked.id)
        if now is not None and not now.state.is_final:
            self._hold(tracked)
        return Accepted(tracked=tracked)

    async def reissue(self, void: Tracked) -> None:
        """Ask again for a move toward safe whose challenge went void before it was obeyed."""
        command = void.command
        new = replace(
            void,
            command=Command(
                id=_new_id(),
                actuator=command.actuator,
                action=command.action,
                parameters=command.parameters,
                author=command.author,
                reason=command.reason,
                changed_ms=self._clock.now_ms(),
            ),
            created_ms=self._clock.now_ms(),
            instead_of=void.id,
            idempotency_key=None,
            messages={},
            sent=frozenset(),
            answered=frozenset(),
            transitions=(),
        )
        tracked = self._pen.sign(new)
        # Held before it is kept: who follows the void one must find this one.
        self._book.put(tracked, now_s=self._clock.monotonic())
        self._book.put(replace(void, replaced_by=tracked.id), now_s=self._clock.monotonic())
        await self._recorder.keep(asked(tracked, (), self._view.park, phase="request"))
        self._changes.ring()

    async def _operate_selected(
        self,
        request: Request,
        person: Person,
        select: CommandId | None,
        key: str | None,
        warnings: tuple[Cause, ...],
    ) -> Outcome:
        tracked = self._book.get(select) if select is not None else None
        cause = self._not_selected(tracked, request, person)
        if tracked is None or cause is not None:
            return await self._decline(request, person, (cause or Cause(code=Code.NOT_SELECTED),))
        if tracked.ticket is not None:
            found = self._agreed(tracked.ticket, request, person)
            if isinstance(found, Cause):
                return await self._decline(request, person, (found,))
        self._operated.add(tracked.id)
        try:
            return await self._operate_once(tracked, request, person, key, warnings)
        finally:
            self._operated.discard(tracked.id)

    async def _operate_once(
        self,
        tracked: Tracked,
        request: Request,
        person: Person,
        key: str | None,
        warnings: tuple[Cause, ...],
    ) -> Outcome:
        command = tracked.command
        if tracked.ticket is None:  # else the reason is part of what the second person has agreed to
            command = replace(command, reason=request.reason)
        tracked = replace(tracked, command=command, wanted=Phase.OPERATE, idempotency_key=key)
        tracked = self._signed(tracked)
        change = asked(tracked, warnings, self._view.park, phase="operate")
        try:
            with self._tickets.using(tracked.ticket, by=person.username) as used:
                await self._recorder.commit(replace(change, writes=change.writes + used))
        except StorageError:
            return await self._decline(request, person, (Cause(code=Code.AUDIT),))
        now = self._book.get(tracked.id)
        if now is None or now.state is not State.SELECTED:
            return await self._decline(request, person, (Cause(code=Code.NOT_SELECTED),))
        self._hold(tracked)
        return Accepted(tracked=tracked)

    def _agreed(self, ticket: str, request: Request, person: Person) -> Consent | Cause:
        """Return the second person's consent to exactly this, or why there is none (I9)."""
        return self._tickets.usable(
            ticket, request.actuator, request.action, request.parameters, author=person.username
        )

    def _not_selected(self, tracked: Tracked | None, request: Request, person: Person) -> Cause | None:
        """Say what is wrong with the select: it must live, and be by the same person with the same parameters (I1)."""
        if tracked is None or tracked.state is not State.SELECTED or tracked.wanted is not Phase.SELECT:
            return Cause(code=Code.NOT_SELECTED)
        if tracked.id in self._operated:
            return Cause(code=Code.NOT_SELECTED)
        if not _is_of(tracked, request, person):
            return Cause(
                code=Code.NOT_SELECTED, detail=Words("另一人或另一参数", "another person or other parameters")
            )
        if self._clock.now_ms() >= tracked.expires_ms:
            return Cause(code=Code.TIME_LIMIT)
        return None

    def _is_select(self, tracked: Tracked) -> bool:
        """Whether nothing more than a select has come of it: not even an operate that is just being written."""
        return tracked.is_away and tracked.wanted is not Phase.OPERATE and tracked.id not in self._operated

    async def _selected(self, command: CommandId) -> Outcome:
        until_s = self._clock.monotonic() + SELECT_S_MAX
        while (left_s := until_s - self._clock.monotonic()) > 0:
            tracked = self._book.get(command)
            if tracked is not None and tracked.state is State.SELECTED:
                return Accepted(tracked=tracked)
            if tracked is not None and tracked.state.is_final:
                reasons = tracked.transitions[-1].reasons if tracked.transitions else ()
                return Declined(code=_code_of(reasons), reasons=reasons)
            await self._changes.heard(timeout_s=left_s)
        await self._give_up(command)
        return Declined(code=Code.LINK.value, reasons=tuple(causes([Cause(code=Code.LINK)])))

    async def _give_up(self, select: CommandId) -> None:
        """Take back a select that nobody waits for any more, so that it blocks nobody until it expires."""
        tracked = self._book.get(select)
        if tracked is not None and not tracked.state.is_final and tracked.wanted is Phase.SELECT:
            await self._take_back(tracked)

    async def _take_back(self, select: Tracked) -> Tracked:
        """Have a cancel sent; what the edge said of the select while that was being written stands (I5)."""
        asking = self._pen.sign(replace(select, wanted=Phase.CANCEL))
        # Held before it is kept: nobody operates, or takes back again, what is being taken back. Sent only when it is kept.
        self._book.put(replace(asking, wanted=None), now_s=self._clock.monotonic())
        await self._recorder.keep(asked(asking, (), self._view.park, phase="cancel"))
        now = self._book.get(select.id) or asking
        if now.state.is_final:
            return now
        now = replace(now, wanted=Phase.CANCEL)
        self._hold(now)
        return now

    async def _stop_here(
        self, request: Request, person: Person, verdict: NeedsConfirmation | Refused
    ) -> Declined:
        if isinstance(verdict, NeedsConfirmation):
            return Declined(code=CONFIRM, reasons=tuple(causes(verdict.warnings)))
        return await self._decline(request, person, verdict.reasons)

    async def _decline(self, request: Request, person: Person, reasons: tuple[Cause, ...]) -> Declined:
        now_ms = self._clock.now_ms()
        await self._recorder.keep(refused(request, person.username, reasons, self._view.park, at_ms=now_ms))
        return Declined(code=reasons[0].code.value, reasons=tuple(causes(reasons)))

    def _new(self, request: Request, person: Person, *, wanted: Phase, is_away: bool) -> Tracked:
        now_ms = self._clock.now_ms()
        return Tracked(
            command=Command(
                id=_new_id(),
                actuator=request.actuator,
                action=request.action,
                parameters=request.parameters,
                author=person.username,
                reason=request.reason,
                changed_ms=now_ms,
            ),
            gateway=self._view.park.gateway_of(request.actuator),
            created_ms=now_ms,
            expires_ms=expiry_ms(now_ms=now_ms, speed=self._clock.speed),
            is_away=is_away,
            consent=request.consent,
            ticket=request.ticket,
            wanted=wanted,
        )

    def _signed(self, tracked: Tracked) -> Tracked:
        """Return `tracked` signed and as gone out, to be written once: what is written so and never leaves ends as unknown."""
        signed = self._pen.sign(tracked)
        return signed.published() if signed.wanted in signed.messages else signed

    def _hold(self, tracked: Tracked) -> None:
        self._book.put(tracked, now_s=self._clock.monotonic())
        self._changes.ring()


def _is_asked_by(tracked: Tracked, request: Request) -> bool:
    command = tracked.command
    held = (command.actuator, command.action, dict(command.parameters))
    return held == (request.actuator, request.action, dict(request.parameters))


def _is_of(tracked: Tracked, request: Request, person: Person) -> bool:
    return tracked.command.author == person.username and _is_asked_by(tracked, request)


def _new_id() -> CommandId:
    return CommandId(secrets.token_hex(16))


def _code_of(reasons: tuple[Json, ...]) -> str:
    for reason in reasons:
        if isinstance(reason, dict):
            return str(reason.get("code"))
    return Code.LINK.value
