"""Keeps house every second: lets selects end, says when the disk fills and clears, writes what memory held, counts."""

from collections.abc import Callable, Sequence

from gateway.desk import Desk
from gateway.ledger import Ledger
from gateway.publisher import Publisher
from gateway.records import Records
from gateway.telemetry_metrics import TelemetryMetrics
from runtime.clock import Clock
from runtime.journal import Journal

ROUND_S = 0.5
"""Wall seconds."""


class Keeper:
    """The housekeeping of one gateway."""

    def __init__(
        self,
        *,
        clock: Clock,
        samples: Journal,
        records_journal: Journal,
        records: Records,
        ledger: Ledger,
        publisher: Publisher,
        metrics: TelemetryMetrics,
        rounds: Sequence[Callable[[], None]] = (),
    ) -> None:
        """`rounds` is what else is to be looked after every time."""
        self._clock = clock
        self._samples = samples
        self._records_journal = records_journal
        self._records = records
        self._ledger = ledger
        self._publisher = publisher
        self._metrics = metrics
        self._rounds = tuple(rounds)
        self._was_full = False
        self._dropped = 0
        self._damaged = 0

    def is_full(self) -> bool:
        """Whether anything that we must keep cannot be written now."""
        return (
            self._publisher.is_full
            or self._samples.is_full
            or self._records.is_full
            or self._ledger.is_failing
        )

    async def run(self, desk: Desk, breathe: Callable[[], None]) -> None:
        """Keep house for ever."""
        while True:
            breathe()
            self._round(desk)
            await self._clock.sleep(0.0, floor_s=ROUND_S)

    def _round(self, desk: Desk) -> None:
        desk.expire_selects()
        for look in self._rounds:
            look()
        if self.is_full():
            self._records.flush()
            self._ledger.flush()
        self._say_full()
        self._say_dropped()
        for name, journal in (("samples", self._samples), ("records", self._records_journal)):
            oldest_ms = journal.oldest_ms
            age_s = 0.0 if oldest_ms is None else (self._clock.now_ms() - oldest_ms) / 1000
            self._metrics.journal(
                name, depth=journal.depth, size=journal.size, dropped=journal.dropped, oldest_age_s=age_s
            )
        self._metrics.full(is_full=self.is_full())

    def _say_full(self) -> None:
        is_full = self.is_full()
        if is_full == self._was_full:
            return
        self._was_full = is_full
        detail = (
            "日志盘不可写 / the journal cannot be written"
            if is_full
            else "日志盘恢复 / the journal is written again"
        )
        self._records.make("journal", {"full": is_full, "detail": detail})

    def _say_dropped(self) -> None:
        new = self._samples.dropped - self._dropped
        if new:
            self._dropped += new
            detail = f"超出日志容量，丢弃最旧的 {new} 包 / bound reached: {new} oldest payloads dropped"
            self._records.make("journal", {"full": False, "detail": detail, "dropped": new})
        damaged = self._samples.damaged + self._records_journal.damaged - self._damaged
        if damaged:
            self._damaged += damaged
            detail = (
                f"日志盘损坏，{damaged} 包不可读 / damaged on the disk: {damaged} payloads cannot be read"
            )
            self._records.make("journal", {"full": False, "detail": detail, "dropped": damaged})
