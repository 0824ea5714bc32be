"""What an ingest worker counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

_DELAYS_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86_400)
_LAGS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)


class Instruments:
    """One set for each worker process."""

    def __init__(self, *, park: str, worker: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        labels = {"park": park, "worker": worker}
        info = Gauge("stoplog_ingest_info", "Which worker this is", [*labels], registry=self.registry)
        info.labels(**labels).set(1)
        self.payloads = Counter(
            "stoplog_ingest_payloads", "Payloads taken from the broker", registry=self.registry
        )
        self.stored = Counter(
            "stoplog_ingest_samples_stored", "Samples that the store has answered for", registry=self.registry
        )
        self.redelivered = Counter(
            "stoplog_ingest_payloads_redelivered", "Payloads that came again", registry=self.registry
        )
        self.quarantined = Counter(
            "stoplog_ingest_samples_quarantined",
            "Samples kept in quarantine",
            ["why"],
            registry=self.registry,
        )
        self.ignored = Counter(
            "stoplog_ingest_messages_ignored",
            "Messages on topics that carry no samples",
            registry=self.registry,
        )
        self.dropped = Gauge(
            "stoplog_ingest_queue_dropped",
            "Payloads dropped unacknowledged, queue full",
            registry=self.registry,
        )
        self.waiting = Gauge(
            "stoplog_ingest_queue_waiting", "Payloads not yet stored", registry=self.registry
        )
        self.delay = Histogram(
            "stoplog_ingest_delay_seconds",
            "Model time from the read to the store's answer",
            buckets=_DELAYS_S,
            registry=self.registry,
        )
        self.durable_delay = Histogram(
            "stoplog_ingest_durable_delay_seconds",
            "Model time from the read to durable in the store",
            buckets=_DELAYS_S,
            registry=self.registry,
        )
        self.ack_lag = Histogram(
            "stoplog_ingest_ack_lag_seconds",
            "Wall time from arrival to acknowledgement as received",
            buckets=_LAGS_S,
            registry=self.registry,
        )
        self.store_errors = Counter(
            "stoplog_ingest_store_errors",
            "Attempts to keep a group that the store, or our own database, refused",
            registry=self.registry,
        )
        self.store_up = Gauge(
            "stoplog_ingest_store_up", "Whether the store takes writes", registry=self.registry
        )
        self.insecure = Gauge(
            "stoplog_ingest_payloads_not_durable",
            "Payloads received and not yet durable",
            registry=self.registry,
        )
