"""Says how control's parts are: for people, for a supervisor that waits until it is ready, and for Prometheus."""

from functools import partial
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector

from control.audit.checkpoints import Checkpoints
from control.audit.elsewhere import Elsewhere
from control.audit.log import AuditLog
from control.commands.book import Book
from control.commands.term import Term
from control.database.recorder import Recorder
from control.inbox import Inbox
from control.live.image import Image
from control.live.pulse import Pulse
from control.live.views import gateway_view
from control.replica.rank import LEADS, Rank
from runtime.clock import Clock
from runtime.mqtt import MqttLink
from wire.canonical import Json


class Health:
    """How the service is now."""

    def __init__(
        self,
        link: MqttLink,
        image: Image,
        book: Book,
        recorder: Recorder,
        audit: AuditLog,
        term: Term,
        clock: Clock,
        *,
        checkpoints: Checkpoints,
        store: str | None,
        rank: Rank = LEADS,
    ) -> None:
        self.rank = rank
        self._checkpoints = checkpoints
        self._link = link
        self._image = image
        self._book = book
        self._recorder = recorder
        self._audit = audit
        self._term = term
        self._clock = clock
        self._store = store
        self.inbox: Inbox | None = None
        self.elsewhere: Elsewhere | None = None
        """The way of the checkpoints to a second host; None: there is none."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._gauges()

    def readiness(self) -> tuple[bool, tuple[str, ...]]:
        """Return whether the service does its work, and every reason why not."""
        reasons = []
        if not self._link.is_connected:
            reasons.append(f"no connection to the broker: {self._link.fault or 'not yet'}")
        if self.rank.leads and not self._recorder.is_available:
            reasons.append("the database takes no changes")
        return not reasons, tuple(reasons)

    def body(self) -> dict[str, Json]:
        """Return the state of every part."""
        now_s = self._clock.monotonic()
        ready, reasons = self.readiness()
        gateways: list[Json] = [
            gateway_view(self._image, gateway, now_s=now_s) for gateway in self._image.park.gateways
        ]
        return {
            "ready": ready,
            "reasons": list(reasons),
            "version": _version(),
            "store": self._store,
            "model_time_ms": self._clock.now_ms(),
            "speed": self._clock.speed,
            "term": self._term.number,
            "replica": self.rank.body(),
            "parts": [
                {
                    "id": "broker",
                    "ok": self._link.is_connected,
                    "detail": self._link.fault or "",
                    "connections": self._link.connections,
                    "waiting": self._link.waiting,
                    "dropped": self._link.dropped,
                },
                {
                    "id": "database",
                    "ok": self._has_database(),
                    "detail": "",
                    "spooled": self._recorder.spooled,
                },
                {
                    "id": "audit",
                    "ok": not self._audit_faults(),
                    "detail": "; ".join(self._audit_faults()),
                    "records": self._audit.size,
                    "waiting_bytes": self.elsewhere.waiting_bytes if self.elsewhere is not None else 0,
                },
            ],
            "gateways": gateways,
        }

    def _gauges(self) -> None:
        def gauge(name: str, words: str) -> Gauge:
            return Gauge(f"stoplog_control_{name}", words, registry=self.registry)

        gauge("broker_connected", "1 while connected to the broker").set_function(
            lambda: float(self._link.is_connected)
        )
        gauge("database_available", "1 while the database takes changes").set_function(
            lambda: float(self._has_database())
        )
        gauge("leading", "1 while this control leads and nobody else can").set_function(
            lambda: float(self.rank.leads and self.rank.is_certain())
        )
        gauge("term", "the term under which it commands").set_function(lambda: float(self._term.number))
        gauge("standbys_heard", "other controls that could take over").set_function(self._standbys)
        gauge("spooled_changes", "changes waiting beside the database").set_function(
            lambda: float(self._recorder.spooled)
        )
        gauge("audit_waiting_bytes", "checkpoints that the second host has not taken").set_function(
            lambda: float(self.elsewhere.waiting_bytes if self.elsewhere is not None else 0)
        )
        gauge("audit_faults", "ways of checkpoints out of this machine that fail").set_function(
            lambda: float(len(self._audit_faults()))
        )
        gauge("audit_records", "records in the audit log").set_function(lambda: float(self._audit.size))
        gauge("open_commands", "commands not ended").set_function(
            lambda: float(sum(1 for _ in self._book.open()))
        )
        gauge("messages_waiting", "messages not yet taken").set_function(lambda: float(self._link.waiting))
        gauge("messages_dropped", "messages dropped because the queue was full").set_function(
            lambda: float(self._link.dropped)
        )
        gauge("messages_refused", "messages that were no messages of ours").set_function(
            lambda: float(self.inbox.refused if self.inbox is not None else 0)
        )
        heard = Gauge(
            "stoplog_control_gateway_heard",
            "1 while its heartbeat comes",
            ["gateway"],
            registry=self.registry,
        )
        for gateway, pulse in self._image.pulses.items():
            heard.labels(gateway).set_function(partial(self._heard, pulse))

    def _audit_faults(self) -> list[str]:
        """Return what keeps checkpoints from leaving the machine."""
        faults = [f"{file}: {reason}" for file, reason in self._checkpoints.failing.items()]
        if self.elsewhere is not None and self.elsewhere.fault:
            faults.append(f"second host: {self.elsewhere.fault}")
        if self.elsewhere is not None and self.elsewhere.is_forked:
            faults.append("the second host holds another log: a fork")
        return faults

    def _has_database(self) -> bool:
        """Whether the database takes changes; at a standby, which makes none, whether it answers."""
        if self.rank.leads:
            return self._recorder.is_available
        return bool(self.rank.body().get("is_database_heard"))

    def _standbys(self) -> float:
        others = self.rank.body().get("others")
        return float(len(others)) if isinstance(others, list) else 0.0

    def _heard(self, pulse: Pulse) -> float:
        return float(pulse.is_heard(now_s=self._clock.monotonic()))


def _version() -> str:
    try:
        return version("stoplog")
    except PackageNotFoundError:
        return "unknown"
