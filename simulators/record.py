"""What the simulator writes down of itself: writes received, reads served, and what was played, under one clock."""

from collections.abc import Sequence

from runtime.clock import Clock
from simulators.faults import PlayedFault
from simulators.happenings import Happening, HappeningLog, What
from simulators.plc.served import ServedLog
from simulators.plc.station import Station, Written
from simulators.plc.written import WriteLine, WriteLog


class Record:
    """The three logs of one simulator."""

    def __init__(
        self, clock: Clock, *, writes: WriteLog, reads: ServedLog | None, happenings: HappeningLog
    ) -> None:
        self._clock = clock
        self._writes = writes
        self._reads = reads
        self._happenings = happenings
        self.reads = 0
        """Reads answered since the start."""
        self.writes = 0
        """Writes received since the start."""

    def wrote(
        self, station: Station, function: int, address: int, values: Sequence[int], results: Sequence[Written]
    ) -> None:
        """Write down a write; one line for each register of it."""
        self.writes += 1
        model_ms, monotonic_s = self._clock.now_ms(), self._clock.monotonic()
        for offset, (value, result) in enumerate(zip(values, results, strict=True)):
            self._writes.append(
                WriteLine(
                    model_ms=model_ms, monotonic_s=monotonic_s, device=station.device.id, function=function,
                    address=address + offset, value=value, meaning=result.meaning, ignored=result.ignored,
                )
            )  # fmt: skip

    def served(self, station: Station, function: int, address: int, values: Sequence[int]) -> None:
        """Write down what a read was answered."""
        self.reads += 1
        if self._reads is not None:
            self._reads.append(
                station.device.id,
                function,
                address,
                values,
                model_ms=self._clock.now_ms(),
                monotonic_s=self._clock.monotonic(),
            )

    def happened(
        self,
        what: What,
        model_ms: int,
        fault: PlayedFault | None,
        kind: str,
        target: str,
        value: float | None,
    ) -> None:
        """Write down what was played."""
        self._happenings.append(
            Happening(
                model_ms=model_ms, monotonic_s=self._clock.monotonic(), what=what,
                id=None if fault is None else fault.id, kind=kind, target=target, value=value,
            )
        )  # fmt: skip

    def close(self) -> None:
        """Close the logs."""
        self._writes.close()
        self._happenings.close()
        if self._reads is not None:
            self._reads.close()
