"""What is written of a commissioning check: its row and the audit entries that tell of it; decides words, writes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from control.audit.entry import Entry
from control.database.change import Change, Write
from domain.commissioning import Check, items_of
from domain.ids import FacilityId
from domain.park import Park
from domain.words import Words
from wire.canonical import Json
from wire.fields import Fields


class Stage(StrEnum):
    """How far a check is."""

    RUNNING = "running"
    SIGNED = "signed"
    ABANDONED = "abandoned"
    VOID = "void"
    """Was signed, or stood in the park's folder, and was taken back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One check as control keeps it."""

    id: str
    check: Check
    by: str
    """Who checks, and alone may command the actuator meanwhile if nobody has signed for it yet."""
    order: str
    """Id of the order that says so."""
    started_ms: int
    stage: Stage = Stage.RUNNING
    evidence: Mapping[str, Json] = field(default_factory=dict)
    """Item → what it was seen by."""
    signed_by: str | None = None
    witness: str | None = None
    """Who watched beside the gate."""
    ended_ms: int | None = None

    @property
    def actuator(self) -> FacilityId:
        """What is checked."""
        return self.check.actuator

    @property
    def is_running(self) -> bool:
        """Whether it goes on."""
        return self.stage is Stage.RUNNING

    def seeing(self, items: tuple[str, ...], evidence: Json, *, at_ms: int) -> "Held":
        """Return the check with `items` seen."""
        seen = {**self.check.seen, **dict.fromkeys(items, at_ms)}
        told = {**self.evidence, **dict.fromkeys(items, evidence)}
        return replace(self, check=replace(self.check, seen=seen), evidence=told)


def row(held: Held) -> Write:
    """Return the check as the database holds it."""
    return Write(
        table="commissionings",
        row={
            "id": held.id,
            "actuator": held.actuator,
            "stage": held.stage.value,
            "started_ms": held.started_ms,
            "body": body(held),
        },
    )


def body(held: Held) -> dict[str, Json]:
    """Return the JSON form."""
    return {
        "id": held.id,
        "actuator": held.actuator,
        "drive": held.check.drive,
        "by": held.by,
        "order": held.order,
        "started_ms": held.started_ms,
        "stage": held.stage.value,
        "seen": dict(held.check.seen),
        "evidence": dict(held.evidence),
        "signed_by": held.signed_by,
        "witness": held.witness,
        "ended_ms": held.ended_ms,
    }


def held_of(content: Mapping[str, Json], park: Park) -> Held | None:
    """Return the check in `content`; None when the park no longer has its actuator. Raises RemoteProtocolError."""
    fields = Fields(content)
    actuator = park.actuators.get(FacilityId(fields.text("actuator")))
    if actuator is None:
        return None
    seen = {key: Fields.as_integer(key, value) for key, value in fields.mapping("seen").items()}
    check = Check(
        actuator=actuator.facility, drive=fields.text("drive"), items=items_of(actuator, park), seen=seen
    )
    return Held(
        id=fields.text("id"),
        check=check,
        by=fields.text("by"),
        order=fields.text("order"),
        started_ms=fields.integer("started_ms"),
        stage=fields.one_of("stage", Stage),
        evidence=dict(fields.mapping("evidence")),
        signed_by=fields.text_or_none("signed_by"),
        witness=fields.text_or_none("witness"),
        ended_ms=fields.integer_or_none("ended_ms"),
    )


def told(held: Held, park: Park, *, kind: str, verb: Words, actor: str, at_ms: int, **more: Json) -> Change:
    """Return the check's row with the audit entry of what has just become of it."""
    name = park.facilities[held.actuator].words
    entry = Entry(
        at_ms=at_ms,
        actor=actor,
        kind=f"commissioning.{kind}",
        object=held.actuator,
        words=Words(f"{name.zh}{verb.zh}", f"{name.en}: {verb.en}"),
        body={"check": held.id, "drive": held.check.drive, **more},
    )
    return Change(writes=(row(held),), entries=(entry,))
