"""Counts what data loggers send, for Prometheus; decides nothing."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class LoggerMetrics:
    """Counters of one gateway's listener."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._packets = Counter(
            "stoplog_logger_packets",
            "HJ 212 packets taken, by command.",
            ["device", "command"],
            registry=registry,
        )
        self._deviations = Counter(
            "stoplog_logger_deviations",
            "Departures from HJ 212, by kind; packets that were refused for one included.",
            ["device", "kind"],
            registry=registry,
        )
        self._samples = Counter(
            "stoplog_logger_samples",
            "Samples of data loggers: fresh, late (kept under their own time), repeated (told before).",
            ["device", "kind"],
            registry=registry,
        )
        self._requests = Counter(
            "stoplog_logger_requests", "Requests to data loggers, by outcome.", ["device", "outcome"],
            registry=registry,
        )  # fmt: skip
        self._refused = Counter(
            "stoplog_logger_refused",
            "Connections closed and packets not taken: address, unknown number, password, rubbish, silence, crowd.",
            ["why"],
            registry=registry,
        )
        self._connections = Gauge(
            "stoplog_logger_connections", "Connections to the listener of data loggers.", registry=registry
        )

    def packet(self, device: str, command: str) -> None:
        self._packets.labels(device, command).inc()

    def deviation(self, device: str, kind: str) -> None:
        self._deviations.labels(device, kind).inc()

    def samples(self, device: str, *, fresh: int, late: int, repeated: int) -> None:
        for kind, count in (("fresh", fresh), ("late", late), ("repeated", repeated)):
            if count:
                self._samples.labels(device, kind).inc(count)

    def request(self, device: str, outcome: str) -> None:
        self._requests.labels(device, outcome).inc()

    def refused(self, why: str) -> None:
        self._refused.labels(why).inc()

    def connections(self, count: int) -> None:
        self._connections.set(count)
