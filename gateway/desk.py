"""Takes commands: believes the signature, knows what it has seen, asks every check in its order, then has it executed.

The order is that of the design: signature, term, challenge, then the device, the interlocks and the owner; the intent is on
the disk before the executor writes.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from domain.admission import Direction, Situation, admit
from domain.command import Action, Event, Phase, State
from domain.commissioning import is_trial
from domain.errors import RemoteProtocolError
from domain.ids import CommandId, FacilityId, PointRef
from domain.interlock import Truth
from domain.park import Actuator, Tier
from domain.quality import Quality
from domain.refusal import Cause, Code, Refused
from domain.sample import NEVER_READ, Reading
from domain.words import Words
from gateway.challenges import Challenges
from gateway.checks import Rejected, Standing, examine, is_fresh, selects, way_of
from gateway.executor import Executor
from gateway.field import Field
from gateway.job import Job
from gateway.ledger import Ledger
from gateway.ledger_entry import Entry
from gateway.overrides import Overrides
from gateway.records import Records
from gateway.transcript import Transcript
from gateway.unbelieved import Unbelieved
from runtime.clock import Clock
from wire.messages import CommandMessage, command
from wire.signing import Role, Verifier

SELECT_S = 10.0
"""Wall seconds that a select lives."""
EVIDENCE_S_MAX = 5.0
"""Wall seconds: a value behind another gateway, its age at signing and the challenge's age added, is fresh up to this."""

_OUTCOMES = frozenset({State.CONFIRMED, State.FAILED, State.UNKNOWN, State.PREEMPTED})
"""What became of a command that was taken up, and is not done again under another id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    """An actuator held for one command."""

    entry: Entry
    term: int
    until_s: float


class Desk:
    """Where commands come in."""

    def __init__(
        self,
        field: Field,
        executor: Executor,
        transcript: Transcript,
        *,
        ledger: Ledger,
        records: Records,
        challenges: Challenges,
        overrides: Overrides,
        unbelieved: Unbelieved,
        definitions: dict[str, tuple[str, str]],
        verifier: Verifier,
        clock: Clock,
        challenge_validity_s: float,
        is_full: Callable[[], bool],
    ) -> None:
        self._field = field
        self._executor = executor
        self._transcript = transcript
        self._ledger = ledger
        self._records = records
        self._challenges = challenges
        self._overrides = overrides
        self._unbelieved = unbelieved
        self._definitions = definitions
        self._verifier = verifier
        self._clock = clock
        self._validity_s = challenge_validity_s
        self._is_full = is_full
        self._selects: dict[FacilityId, Select] = {}

    def take(self, token: bytes) -> None:
        """Take one command as it came from the broker."""
        try:
            signed = self._verifier.verify(token, roles={Role.CONTROL})
        except RemoteProtocolError as error:
            self._unbelieved.command(token, Cause(code=Code.SIGNATURE, detail=str(error)))
            return
        try:
            message = command(signed.body)
        except RemoteProtocolError as error:
            self._unbelieved.command(token, Cause(code=Code.MALFORMED, detail=str(error)))
            return
        digest = hashlib.sha256(token).hexdigest()
        seen = self._ledger.entry(message.id, message.phase)
        if seen is None:
            self._consider(message, _entry(message, digest, self._clock.now_ms()))
        elif seen.hash == digest and seen.record is not None:
            self._records.repeat(seen.record)
        elif seen.hash != digest:
            self._unbelieved.command(token, Cause(code=Code.REPLAYED))

    def raise_term(self, term: int) -> None:
        """Obey a new leader: the selects of lower terms are void."""
        if not self._ledger.raise_term(term):
            return
        for facility, select in list(self._selects.items()):
            if select.term < term:
                del self._selects[facility]
                self._transcript.advance(select.entry, Event.REFUSE, reasons=(Cause(code=Code.TERM),))

    def expire_selects(self) -> None:
        """Let go of what was selected and not operated in time."""
        now_s = self._clock.monotonic()
        for facility, select in list(self._selects.items()):
            if now_s > select.until_s:
                del self._selects[facility]
                self._transcript.advance(select.entry, Event.TIME_OUT, reasons=(Cause(code=Code.TIME_LIMIT),))

    def _consider(self, message: CommandMessage, entry: Entry) -> None:
        rejected = examine(message, self._standing(message))
        if rejected is not None:
            self._reject(message, entry, rejected)
            return
        self.raise_term(message.term)
        actuator = self._field.actuators[message.actuator]
        match message.phase:
            case Phase.SELECT:
                self._select(message, entry, actuator)
            case Phase.OPERATE:
                self._operate(message, entry, actuator)
            case Phase.CANCEL:
                self._cancel(message, entry)

    def _select(self, message: CommandMessage, entry: Entry, actuator: Actuator) -> None:
        held = self._selects.get(message.actuator)
        if held is not None and held.entry.author != message.author:
            self._refuse(message, entry, Cause(code=Code.ALREADY_SELECTED, values={"by": held.entry.author}))
            return
        if way_of(message, actuator) is not Direction.AWAY_FROM_SAFE:
            self._refuse(message, entry, Cause(code=Code.MODE, detail=Words("无需预选", "needs no select")))
            return
        admission = admit(
            actuator, message.action, self._situation(message), opening_percent=_percent(message)
        )
        if isinstance(admission, Refused):
            self._refuse(message, entry, *admission.reasons)
            return
        if held is not None:
            self._transcript.advance(held.entry, Event.WITHDRAW)
        self._selects[message.actuator] = Select(
            entry=entry, term=message.term, until_s=self._clock.monotonic() + SELECT_S
        )
        self._transcript.advance(entry, Event.SELECT, warnings=admission.warnings)

    def _operate(self, message: CommandMessage, entry: Entry, actuator: Actuator) -> None:
        way = way_of(message, actuator)
        if self._is_reissue_of_an_intent(message, entry):
            return
        if way is Direction.AWAY_FROM_SAFE and not self._use_select(message):
            self._refuse(message, entry, Cause(code=Code.NOT_SELECTED))
            return
        if way is Direction.AWAY_FROM_SAFE:
            entry.state = State.SELECTED
        admission = admit(
            actuator, message.action, self._situation(message), opening_percent=_percent(message)
        )
        if isinstance(admission, Refused):
            self._refuse(message, entry, *admission.reasons)
            return
        is_kept = self._transcript.intend(entry)
        if way is Direction.AWAY_FROM_SAFE and not is_kept:
            self._refuse(message, entry, Cause(code=Code.DISK_FULL))
            return
        self._executor.start(
            Job(
                entry=entry,
                actuator=actuator,
                way=way,
                is_fresh=self._freshness(message, way),
                warnings=admission.warnings,
                instead_of=message.instead_of,
                is_admitted=lambda: self._against(message, actuator),
            )
        )

    def _against(self, message: CommandMessage, actuator: Actuator) -> tuple[Cause, ...]:
        """Return what stands now against writing what was admitted before; `actuator` is as it was then."""
        is_away = way_of(message, actuator) is Direction.AWAY_FROM_SAFE
        if is_away and self._definitions.get(message.actuator) != message.definition:
            return (
                Cause(code=Code.DEFINITION),
            )  # other interlocks, and the second person agreed to these (I9, I18)
        situation = self._situation(message)
        if message.action is not Action.STOP:  # what executes is the command itself
            situation = replace(situation, executing=None)
        admission = admit(actuator, message.action, situation, opening_percent=_percent(message))
        return admission.reasons if isinstance(admission, Refused) else ()

    def _cancel(self, message: CommandMessage, entry: Entry) -> None:
        held = self._selects.get(message.actuator)
        if held is None or held.entry.id != message.id:
            self._refuse(message, entry, Cause(code=Code.NOT_SELECTED))
            return
        del self._selects[message.actuator]
        self._transcript.advance(held.entry, Event.WITHDRAW)
        self._transcript.advance(entry, Event.WITHDRAW, reasons=(Cause(code=Code.CANCELLED),))

    def _use_select(self, message: CommandMessage) -> bool:
        """Consume the select that `message` operates; False when there is none that fits (I1)."""
        self.expire_selects()
        held = self._selects.get(message.actuator)
        if held is None or held.entry.id != message.id or not selects(held.entry, message):
            return False
        del self._selects[message.actuator]
        return True

    def _is_reissue_of_an_intent(self, message: CommandMessage, entry: Entry) -> bool:
        """Void the command that `message` replaces; True when that one was already carried out: its outcome stands."""
        if message.instead_of is None:
            return False
        old = self._ledger.entry(message.instead_of, Phase.OPERATE)
        held = self._selects.get(message.actuator)
        if held is not None and held.entry.id == message.instead_of:
            del self._selects[message.actuator]
            self._transcript.advance(held.entry, Event.WITHDRAW)
        if old is None:
            void = replace(entry, id=message.instead_of, hash="void", state=State.WITHDRAWN, record=None)
            self._ledger.put(void)
            return False
        if not selects(old, message) or old.state not in _OUTCOMES:
            return False  # what still executes is joined, or taken over, as by anybody's move
        if old.record is not None:
            self._records.repeat(old.record)
        self._transcript.enter(entry, old.state, instead_of=message.instead_of)
        return True

    def _freshness(self, message: CommandMessage, way: Direction) -> Callable[[float], bool]:
        def holds(grace_s: float) -> bool:
            if way is Direction.AWAY_FROM_SAFE and message.term < self._ledger.term:
                return False
            return is_fresh(
                message,
                challenge_age_s=self._challenge_age_s(message),
                validity_s=self._validity_s + grace_s,
                now_ms=self._clock.now_ms() - round(grace_s * 1000 * self._clock.speed),
            )

        return holds

    def _situation(self, message: CommandMessage) -> Situation:
        age_s = self._challenge_age_s(message) or 0.0
        brought = {
            PointRef(item.point): _brought(item.value, item.quality, item.age_ms, age_s)
            for item in message.evidence
        }

        def read(point: PointRef) -> Reading:
            if self._field.is_own(point):
                return self._field.reading(point)
            return brought.get(point, NEVER_READ)

        def recall(text: str) -> Truth | float | None:
            if self._field.memory.holds(text):
                return self._field.memory.recall(text)
            said = brought.get(PointRef(text), NEVER_READ)
            if not said.is_trusted or isinstance(said.value, str) or said.value is None:
                return None
            # What rests on points behind other gateways the centre has judged when it signed.
            return (Truth.TRUE if said.value else Truth.FALSE) if isinstance(said.value, bool) else said.value

        actuator = self._field.actuators[message.actuator]
        return Situation(
            read=read,
            unit_of=self._field.unit_of,
            orders=self._ledger.orders,
            executing=self._executor.executing(message.actuator),
            owner=self._executor.owner(message.actuator),
            is_in_doubt=self._executor.is_in_doubt(actuator),
            recall=recall,
            drive=self._definitions[actuator.facility][0],
            author=message.author,
            overridden=self._overrides.of(actuator.facility),
        )

    def _standing(self, message: CommandMessage) -> Standing:
        return Standing(
            park=self._records.park,
            gateway=self._records.gateway,
            actuator=self._field.actuators.get(message.actuator),
            is_known=message.actuator in self._field.park.actuators,
            definition=self._definitions.get(message.actuator, ("", "")),
            term=self._ledger.term,
            challenge_age_s=self._challenge_age_s(message),
            challenge_validity_s=self._validity_s,
            now_ms=self._clock.now_ms(),
            is_disk_full=self._is_full(),
            is_river=self._is_river(message.actuator),
            is_trial=self._is_trial(message),
        )

    def _is_trial(self, message: CommandMessage) -> bool:
        actuator = self._field.actuators.get(message.actuator)
        if actuator is None:
            return False
        drive = self._definitions[actuator.facility][0]
        return is_trial(actuator, drive, self._ledger.orders, author=message.author)

    def _is_river(self, actuator: FacilityId) -> bool:
        facility = self._field.park.facilities.get(actuator)
        return facility is not None and facility.tier is Tier.RIVER

    def _challenge_age_s(self, message: CommandMessage) -> float | None:
        return self._challenges.age_s(message.challenge, now_s=self._clock.monotonic())

    def _refuse(self, message: CommandMessage, entry: Entry, *reasons: Cause) -> None:
        self._reject(message, entry, Rejected(state=State.REFUSED, reasons=reasons))

    def _reject(self, message: CommandMessage, entry: Entry, rejected: Rejected) -> None:
        self._transcript.enter(entry, rejected.state, reasons=rejected.reasons, instead_of=message.instead_of)


def _entry(message: CommandMessage, digest: str, now_ms: int) -> Entry:
    return Entry(
        id=CommandId(message.id),
        phase=message.phase,
        hash=digest,
        actuator=message.actuator,
        action=message.action,
        author=message.author,
        reason=message.reason,
        parameters=dict(message.parameters),
        state=State.REQUESTED,
        at_ms=now_ms,
    )


def _percent(message: CommandMessage) -> float | None:
    return message.parameters.get("opening_percent")


def _brought(
    value: bool | float | str | None,  # noqa: FBT001 # a value of any type
    quality: int,
    age_ms: int | None,
    challenge_age_s: float,
) -> Reading:
    """Return a value behind another gateway as it is believed here."""
    known = Quality(quality) if quality in set(Quality) else Quality.BAD
    age_s = None if age_ms is None or age_ms < 0 else age_ms / 1000 + challenge_age_s
    is_recent = age_s is not None and age_s <= EVIDENCE_S_MAX
    return Reading(value=value, quality=known, age_s=age_s, fresh=is_recent)
