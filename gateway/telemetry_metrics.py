"""Counts what the gateway does, for Prometheus; decides nothing."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class TelemetryMetrics:
    """Counters and gauges of one gateway."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._polls = Histogram(
            "stoplog_poll_seconds",
            "Wall seconds for one poll of one group.",
            ["device"],
            registry=registry,
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
        )
        self._errors = Counter(
            "stoplog_poll_errors", "Polls that failed, by kind.", ["device", "kind"], registry=registry
        )
        self._samples = Counter("stoplog_samples_accepted", "Samples journalled.", registry=registry)
        self._unkept = Counter(
            "stoplog_samples_not_journalled",
            "Samples published live only: the journal was full.",
            registry=registry,
        )
        self._depth = Gauge(
            "stoplog_journal_payloads",
            "Payloads not durable at the receiver.",
            ["journal"],
            registry=registry,
        )
        self._bytes = Gauge("stoplog_journal_bytes", "Bytes held.", ["journal"], registry=registry)
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

    def polled(self, device: str, seconds: float) -> None:
        self._polls.labels(device).observe(seconds)

    def error(self, device: str, kind: str) -> None:
        self._errors.labels(device, kind).inc()

    def forget(self, device: str) -> None:
        """Say no more of a device that is gone."""
        for metric in (self._polls, self._errors):
            metric.remove_by_labels({"device": device})

    def accepted(self, count: int) -> None:
        self._samples.inc(count)

    def not_kept(self, count: int) -> None:
        self._unkept.inc(count)

    def command(self, action: str, state: str) -> None:
        self._commands.labels(action, state).inc()

    def journal(self, name: str, *, depth: int, size: int, dropped: int) -> None:
        self._depth.labels(name).set(depth)
        self._bytes.labels(name).set(size)
        self._dropped.labels(name).set(dropped)

    def full(self, *, is_full: bool) -> None:
        self._full.set(is_full)
