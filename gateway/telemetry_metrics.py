"""Counts what the gateway does, for Prometheus; decides nothing.

What is counted at every poll is a plain number here, and becomes a metric only when Prometheus asks: a poll pays for no lock.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from gateway.image import DeviceImage

POLL_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
LATE_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


class _Spread:
    """A histogram without a lock: it is filled by one thread."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def take(self, value: float) -> None:
        self.counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        names = (*map(floatToGoString, self._bounds), "+Inf")
        return list(zip(names, map(float, accumulate(self.counts)), strict=True))


@dataclass(slots=True)
class _Polled:
    """What is counted of one device."""

    lasted: _Spread = field(default_factory=lambda: _Spread(POLL_S))
    late: _Spread = field(default_factory=lambda: _Spread(LATE_S))
    errors: dict[str, int] = field(default_factory=dict)


class TelemetryMetrics:
    """Counters and gauges of one gateway."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._devices: dict[str, _Polled] = {}
        self._images: Sequence[DeviceImage] = ()
        self._accepted = 0
        self._unkept = 0
        ProcessCollector(registry=registry)
        registry.register(_Asked(self._collect))
        self._depth = Gauge(
            "stoplog_journal_payloads",
            "Payloads not durable at the receiver.",
            ["journal"],
            registry=registry,
        )
        self._bytes = Gauge("stoplog_journal_bytes", "Bytes held.", ["journal"], registry=registry)
        self._age = Gauge(
            "stoplog_journal_oldest_age_seconds",
            "Model seconds since the oldest payload that is not durable was journalled; 0: there is none.",
            ["journal"],
            registry=registry,
        )
        self._full = Gauge("stoplog_journal_full", "1 while the disk takes nothing.", registry=registry)
        self._dropped = Gauge(
            "stoplog_journal_dropped_payloads",
            "Payloads pushed out by a bound.",
            ["journal"],
            registry=registry,
        )
        self._commands = Counter(
            "stoplog_commands", "Command transitions, by state.", ["action", "state"], registry=registry
        )

    def watch(self, images: Sequence[DeviceImage]) -> None:
        """Say of each of `images` whether it answers."""
        self._images = images

    def gauge(self, name: str, words: str, ask: Callable[[], float]) -> None:
        """Show what `ask` returns whenever Prometheus wants to know."""
        Gauge(name, words, registry=self._registry).set_function(ask)

    def counter(self, name: str, words: str, label: str, ask: Mapping[str, Callable[[], int]]) -> None:
        """Show the count that each of `ask` returns under its value of `label`."""

        def collect() -> Iterator[Metric]:
            family = CounterMetricFamily(name, words, labels=[label])
            for value, count in ask.items():
                family.add_metric([value], count())
            yield family

        self._registry.register(_Asked(collect))

    def polled(self, device: str, seconds: float) -> None:
        """Count a poll of one group that the device has answered."""
        self._of(device).lasted.take(seconds)

    def late(self, device: str, seconds: float) -> None:
        """Count how long after it was due a poll was begun."""
        self._of(device).late.take(max(0.0, seconds))

    def error(self, device: str, kind: str) -> None:
        errors = self._of(device).errors
        errors[kind] = errors.get(kind, 0) + 1

    def forget(self, device: str) -> None:
        """Say no more of a device that is gone."""
        self._devices.pop(device, None)

    def accepted(self, count: int) -> None:
        self._accepted += count

    def not_kept(self, count: int) -> None:
        self._unkept += count

    def command(self, action: str, state: str) -> None:
        self._commands.labels(action, state).inc()

    def journal(self, name: str, *, depth: int, size: int, dropped: int, oldest_age_s: float) -> None:
        self._depth.labels(name).set(depth)
        self._bytes.labels(name).set(size)
        self._dropped.labels(name).set(dropped)
        self._age.labels(name).set(oldest_age_s)

    def full(self, *, is_full: bool) -> None:
        self._full.set(is_full)

    def _of(self, device: str) -> _Polled:
        found = self._devices.get(device)
        if found is None:
            found = self._devices[device] = _Polled()
        return found

    def _collect(self) -> Iterator[Metric]:
        lasted = HistogramMetricFamily(
            "stoplog_poll_seconds", "Wall seconds for one poll of one group.", labels=["device"]
        )
        late = HistogramMetricFamily(
            "stoplog_poll_lateness_seconds",
            "Wall seconds from when a poll was due until it was begun.",
            labels=["device"],
        )
        errors = CounterMetricFamily(
            "stoplog_poll_errors", "Polls that failed, by kind.", labels=["device", "kind"]
        )
        for device, counted in list(self._devices.items()):
            for family, spread in ((lasted, counted.lasted), (late, counted.late)):
                family.add_metric([device], buckets=spread.buckets(), sum_value=spread.total)
            for kind, count in list(counted.errors.items()):
                errors.add_metric([device, kind], count)
        answers = GaugeMetricFamily("stoplog_device_up", "1 while the device answers.", labels=["device"])
        for image in list(self._images):
            answers.add_metric([image.device.id], float(image.is_alive))
        yield from (lasted, late, errors, answers)
        yield CounterMetricFamily("stoplog_samples_accepted", "Samples journalled.", self._accepted)
        yield CounterMetricFamily(
            "stoplog_samples_not_journalled",
            "Samples published live only: the journal was full.",
            self._unkept,
        )


class _Asked(Collector):
    """Gives Prometheus what a function yields."""

    def __init__(self, ask: Callable[[], Iterable[Metric]]) -> None:
        self._ask = ask

    def collect(self) -> Iterable[Metric]:
        return self._ask()
