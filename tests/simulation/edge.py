"""One gateway of the simulated world: the real command path on the world's disk, broker and wires, from life to life."""

import asyncio
import secrets
import sqlite3
from collections.abc import Coroutine, Mapping
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry

from domain.ids import GatewayId
from domain.park import Park
from gateway.core import Core, Identity, assemble
from gateway.polling import Polling
from gateway.records import Records
from gateway.stations import build_stations
from gateway.storage import Storage
from gateway.telemetry_metrics import TelemetryMetrics
from gateway.timekeeper import Timekeeper
from runtime.liveness import Liveness
from tests.simulation.broker import SimLink
from tests.simulation.disks import Disk, SimJournal, open_ledger
from tests.simulation.ground import Ground, SimClock
from tests.simulation.loop import Process
from tests.simulation.trace import Began, Recorded, Told
from wire.canonical import Json

POLL_FLOOR_S = 0.5
"""Virtual seconds between two polls of a device that moves."""
CHALLENGE_VALIDITY_S = 20.0


class _Records(Records):
    """Records that the trace is told of."""

    tell: "partial[None]"

    def make(self, kind: str, body: Mapping[str, Json], *, actuator: str | None = None) -> bytes:
        offset = self._next_offset
        token = super().make(kind, body, actuator=actuator)  # type: ignore[arg-type]
        self.tell(offset, kind, body, actuator)
        return token


class Edge:
    """One gateway through all its lives."""

    def __init__(self, ground: Ground, park: Park, gateway: GatewayId, folder: Path) -> None:
        self.gateway = gateway
        self.disk = Disk(folder)
        self.clock = SimClock(ground)
        self.life = 0
        self.process: Process | None = None
        self.core: Core | None = None
        self._ground = ground
        self._park = park
        self._ledger = sqlite3.connect(":memory:", isolation_level=None)
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def is_alive(self) -> bool:
        """Whether a life of it runs."""
        return self.process is not None and not self.process.is_dead

    def start(self) -> None:
        """Begin a life."""
        assert not self.is_alive
        self.life += 1
        ground = self._ground
        process = self.process = ground.new_process(self.gateway, self.life)
        self.disk.process = process
        process.work(self._live(process), "start")

    async def _live(self, process: Process) -> None:
        """Put the gateway together as its application does, and let it run."""
        ground, clock = self._ground, self.clock
        storage = self._storage(process)
        liveness = Liveness(clock.monotonic)
        metrics = TelemetryMetrics(CollectorRegistry())

        def spawn(coro: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
            return process.work(coro, name)

        stations = build_stations(
            self._park,
            self.gateway,
            clock=clock,
            times=storage.times,
            metrics=metrics,
            floor_s=POLL_FLOOR_S,
            lines=ground.plant.lines(process, clock),
        )
        core = self.core = assemble(
            Identity(
                park=self._park,
                gateway=self.gateway,
                signer=ground.keys.signers[self.gateway],
                verifier=ground.keys.verifier,
                challenge_validity_s=CHALLENGE_VALIDITY_S,
            ),
            storage,
            partial(SimLink, ground.broker, process, ground.loop),
            stations,
            clock=clock,
            metrics=metrics,
            spawn=spawn,
        )
        self._listen(core, process, storage.epoch)
        polling = Polling(spawn, liveness, clock, core.publisher.tell, core.watch.polled)
        ground.trace.put(
            Began(at_s=ground.clock_s(), process=self.gateway, life=process.life, detail=storage.epoch)
        )
        core.recover()
        polling.start(core.field.stations.values())
        for name, running in core.work(liveness.watch):
            process.work(running, name)
        process.work(core.meet(), "broker")

    def _storage(self, process: Process) -> Storage:
        folder, epoch = self.disk.folder, secrets.token_hex(16)

        def journal(name: str, *, is_told: bool) -> SimJournal:
            opened = SimJournal.open(
                folder / name, gateway=self.gateway, epoch=epoch, clock=self.clock, bytes_max=2_000_000
            )
            assert isinstance(opened, SimJournal)
            opened.disk = self.disk
            opened.on_kept = partial(self._kept, process.life, epoch) if is_told else _unheard
            return opened

        storage = Storage(
            epoch=epoch,
            ledger=open_ledger(self._ledger, self.disk),
            times=Timekeeper(folder / "clock.ceiling", self.clock, is_slewed=True),
            samples=journal("samples", is_told=True),
            records=journal("records", is_told=False),
        )
        self.disk.synced = {path: path.stat().st_size for path in folder.rglob("*.journal")}
        return storage

    def _listen(self, core: Core, process: Process, epoch: str) -> None:
        """Have the trace told of every record."""
        ground, clock, gateway = self._ground, self.clock, self.gateway

        def tell(offset: int, kind: str, body: Mapping[str, Json], actuator: str | None) -> None:
            if process.is_dying and core.storage.records.next_offset <= offset:
                return  # neither kept nor said
            ground.trace.put(
                Recorded(
                    at_s=ground.clock_s(),
                    gateway=gateway,
                    life=process.life,
                    epoch=epoch,
                    offset=offset,
                    kind=kind,
                    actuator=actuator,
                    body=body,
                    at_ms=clock.now_ms(),
                )
            )

        core.records.__class__ = _Records
        core.records.tell = tell  # type: ignore[attr-defined]

    def _kept(self, life: int, epoch: str, offset: int, is_synced: bool) -> None:
        ground = self._ground
        ground.trace.put(
            Told(
                at_s=ground.clock_s(),
                gateway=self.gateway,
                life=life,
                epoch=epoch,
                offset=offset,
                is_synced=is_synced,
            )
        )


def _unheard(offset: int, is_synced: bool) -> None:
    """Records are told of by whoever makes them."""
