"""The real processes of a run: each can be killed with -9 and started again; what ends by itself is started again and counted."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from runtime.clock import RealClock
from stoplog.demo.ports import HOST
from tests.faults.modes import Mode
from tests.faults.site import GATEWAY, PARK, Site
from wire.messages import Acknowledgement, acknowledgement_body, record
from wire.signing import Role, load_signer, load_verifier
from wire.sparkplug import peek
from wire.topics import Channel, ours

ROOT = Path(__file__).parents[2]
MOSQUITTO, VICTORIA = Path("/usr/sbin/mosquitto"), Path("/usr/bin/victoria-metrics")
CLOCK = RealClock()
START_S_MAX = 60.0
"""Wall seconds for a process to be up: machines that test are busy machines."""
HISTORY, RECORDS = ours(PARK, GATEWAY, Channel.HISTORY), ours(PARK, GATEWAY, Channel.RECORDS)
_pause = threading.Event()


def wait_until(what: str, is_true: Callable[[], bool], *, within_s: float = START_S_MAX) -> None:
    """Return when it is true; fail with `what` when it is not in time."""
    until_s = CLOCK.monotonic() + within_s
    while not is_true():
        if CLOCK.monotonic() > until_s:
            raise AssertionError(f"not within {within_s:.0f} s: {what}")
        _pause.wait(0.05)


def rest(seconds: float) -> None:
    """Let the processes run."""
    _pause.wait(max(0.0, seconds))


def can_connect(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


class Part:
    """One process with a log of its own."""

    def __init__(self, name: str, command: Sequence[str], folder: Path) -> None:
        self.name = name
        self.command = list(command)
        self.starts = 0
        self.ended: Counter[int] = Counter()
        """How often it ended by itself, by exit status."""
        self.environment: Mapping[str, str] = {}
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """None: it does not run."""
        return None if self._process is None else self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command, cwd=ROOT, stdout=log, stderr=log, env={**os.environ, **self.environment}
            )
        self.starts += 1

    def kill(self) -> None:
        """Kill with -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def hang(self, *, is_hung: bool) -> None:
        """Stop it where it is, or let it go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP if is_hung else signal.SIGCONT)

    def stop(self, *, within_s: float = 30.0) -> int:
        """Ask it to end; return its exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(within_s)
        finally:
            self.kill()

    def tend(self) -> None:
        """Start it again when it has ended by itself, as a service manager does."""
        if self._process is not None and self.has_ended:
            self.ended[self._process.returncode] += 1
            self.start()

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""


class Plcs:
    """The PLCs' process."""

    def __init__(self, site: Site, *, ledger: int, seed: int) -> None:
        """`ledger` is the number of points that all change; 0: points for a report by exception."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.plcs"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._ask({"ports": site.plc_ports, "log": str(site.served), "ledger": ledger, "seed": seed})

    def set(self, plc: int, mode: Mode, *, delay_s: float = 0.0) -> None:
        self._ask({"plc": plc, "mode": mode, "delay_s": delay_s})

    def flush(self) -> None:
        """Bring the log of served reads up to now."""
        self._ask({})

    def stop(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _ask(self, order: Mapping[str, object]) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline(), "the PLCs' process has ended"


class Listener:
    """Hears every payload that passes the broker and counts how often each came; acknowledges records in control's stead."""

    def __init__(self, site: Site) -> None:
        self.heard: Counter[str] = Counter()
        """Deliveries of sample payloads by uuid."""
        self._verifier = load_verifier((site.folder / "trusted.jwks").read_text(encoding="ascii"))
        self._signer = load_signer((site.folder / "control.jwk").read_text(encoding="ascii"))
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="listener")
        self._client.on_message = self._hear
        self._client.on_connect = lambda client, *_: client.subscribe(
            [(f"spBv1.0/{PARK}/DDATA/#", 0), (HISTORY, 0), (RECORDS, 1)]
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.connect_async(HOST, site.broker_port, keepalive=10)
        self._client.loop_start()

    @property
    def redelivered(self) -> int:
        """Payloads heard once more, each time counted."""
        return self.heard.total() - len(self.heard)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _hear(self, client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        if message.topic == RECORDS:
            client.publish(
                ours(PARK, GATEWAY, Channel.ACK_RECORDS), self._acknowledgement(bytes(message.payload))
            )
            return
        uuid, _ = peek(bytes(message.payload))
        if uuid is not None:
            self.heard[uuid] += 1

    def _acknowledgement(self, token: bytes) -> bytes:
        said = record(self._verifier.verify(token, roles={Role.GATEWAY}).body)
        here = ((said.offset, said.offset),)
        answer = Acknowledgement(park=PARK, gateway=GATEWAY, epoch=said.epoch, received=here, durable=here)
        return self._signer.sign(acknowledgement_body(answer))


class Processes:
    """All of them."""

    def __init__(self, site: Site, *, ledger: int, seed: int) -> None:
        self.site = site
        stoplog = [sys.executable, "-m", "stoplog", "--with-parent", str(os.getpid())]
        folder = site.folder
        self.broker_disk = folder / "broker"
        (folder / "mosquitto.conf").write_text(
            f"user root\nlistener {site.broker_port} {HOST}\nallow_anonymous true\npersistence true\n"
            f"persistence_location {self.broker_disk}/\nautosave_interval 1\n"
        )
        self.broker = Part("broker", [str(MOSQUITTO), "-c", str(folder / "mosquitto.conf")], folder)
        self.gateway = Part(
            "gateway", [*stoplog, "gateway", "--settings", str(site.settings(GATEWAY))], folder
        )
        self.workers = [
            Part(worker, [*stoplog, "ingest", "--settings", str(site.settings(worker))], folder)
            for worker in site.workers
        ]
        self.store: Part | None = None
        if site.victoria_port is not None:
            self.store = Part("store", [
                str(VICTORIA), f"-storageDataPath={folder}/victoria", f"-httpListenAddr={HOST}:{site.victoria_port}",
                "-dedup.minScrapeInterval=1ms", "-loggerLevel=ERROR", "-memory.allowedBytes=200MB",
            ], folder)  # fmt: skip
        self.plcs = Plcs(site, ledger=ledger, seed=seed)
        self.listener: Listener | None = None

    @property
    def parts(self) -> Iterator[Part]:
        """Those that fail and are started again."""
        yield from (
            part for part in (self.broker, self.store, *self.workers, self.gateway) if part is not None
        )

    def start(self) -> None:
        self.start_broker()
        if self.store is not None:
            self.start_store()
        self.listener = Listener(self.site)
        for worker in self.workers:
            worker.start()
        self.gateway.start()

    def start_broker(self) -> None:
        self.broker_disk.mkdir(exist_ok=True)
        self.broker.start()
        wait_until("the broker listens", lambda: can_connect(self.site.broker_port))

    def wipe_broker(self) -> None:
        """Kill the broker and its disk with it."""
        self.broker.kill()
        shutil.rmtree(self.broker_disk, ignore_errors=True)

    def start_store(self) -> None:
        assert self.store is not None
        self.store.start()
        port = self.site.victoria_port
        assert port is not None
        wait_until("VictoriaMetrics listens", lambda: can_connect(port))

    def close(self) -> None:
        if self.listener is not None:
            self.listener.close()
        for part in reversed([*self.parts]):
            part.kill()
        self.plcs.stop()


@contextmanager
def processes(site: Site, *, ledger: int, seed: int) -> Iterator[Processes]:
    """Start the PLCs; the caller starts the rest. All end with the block."""
    running = Processes(site, ledger=ledger, seed=seed)
    try:
        yield running
    finally:
        running.close()
