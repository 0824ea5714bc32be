"""Keeps what named persons report of gates moved by hand (人工报告): shown apart from proof, and satisfying no interlock."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from control.audit.entry import Entry
from control.database.change import Change, Write
from control.database.recorder import Recorder
from control.database.tables import HAND_REPORTS
from domain.ids import FacilityId
from domain.park import Park
from domain.words import Words
from runtime.clock import Clock
from wire.canonical import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class HandReport:
    """One report."""

    actuator: FacilityId
    by: str
    position: str
    note: str
    at_ms: int


class HandReports:
    """The newest report of each actuator."""

    def __init__(self, park: Park, recorder: Recorder, clock: Clock) -> None:
        self._park = park
        self._recorder = recorder
        self._clock = clock
        self._held: dict[FacilityId, HandReport] = {}

    async def load(self, engine: AsyncEngine) -> None:
        """Take what the database holds."""
        async with engine.connect() as connection:
            rows = (await connection.execute(select(HAND_REPORTS))).all()
        for row in rows:
            key = FacilityId(row.actuator)
            self._held[key] = HandReport(
                actuator=key, by=row.by, position=row.position, note=row.note, at_ms=row.at_ms
            )

    def of(self, actuator: FacilityId) -> dict[str, Json] | None:
        """Return the newest report as the screen shows it."""
        found = self._held.get(actuator)
        if found is None:
            return None
        return {"by": found.by, "position": found.position, "note": found.note, "at_ms": found.at_ms}

    async def note(self, actuator: FacilityId, *, by: str, position: str, note: str, actor: str) -> None:
        """Keep what `by` reports, as entered by `actor`."""
        report = HandReport(
            actuator=actuator, by=by, position=position, note=note, at_ms=self._clock.now_ms()
        )
        self._held[actuator] = report
        name = self._park.facilities[actuator].words
        row: dict[str, Json] = {
            "actuator": actuator,
            "by": by,
            "position": position,
            "note": note,
            "at_ms": report.at_ms,
        }
        entry = Entry(
            at_ms=report.at_ms,
            actor=actor,
            kind="hand.report",
            object=actuator,
            words=Words(f"{name.zh}:人工报告", f"{name.en}: reported by hand"),
            body=row,
        )
        await self._recorder.keep(Change(writes=(Write(table="hand_reports", row=row),), entries=(entry,)))
