"""Starts an ingest worker: reads its settings and the park, opens what it writes to, then connects. Nothing else meets here."""

from functools import partial
from pathlib import Path

import uvloop

from domain.park import Park
from ingest.database import OwnDatabase
from ingest.instruments import Instruments
from ingest.quarantine import Quarantine
from ingest.settings import IngestSettings
from ingest.subscription import Canary, subscriptions
from ingest.texts import Texts
from ingest.worker import Worker
from runtime import log
from runtime.keys import read_signer
from runtime.metrics import HealthServer, words_of_readiness
from runtime.mqtt import MqttLink, check_broker
from runtime.parkfiles.loading import load_park
from runtime.reloading import Reloading, refuse_another
from runtime.settings import make_clock, read_settings
from runtime.supervisor import Supervised, run_service
from stores.open import open_store

BROKER_S_MAX = 10.0
"""Wall seconds for the broker to answer at start."""


def main(settings: Path) -> int:
    """Run one worker until a signal; return its exit status."""

    async def serve(tasks: Supervised) -> None:
        await _serve(read_settings(settings, IngestSettings), tasks)

    return run_service("ingest", serve, loop_factory=uvloop.new_event_loop)


async def _serve(settings: IngestSettings, tasks: Supervised) -> None:
    log.configure(settings.log.level)
    park = load_park(settings.park)
    clock = make_clock(settings.clock)
    signer = read_signer(settings.keys.own)
    broker = settings.broker.connection()
    store = open_store(settings.store, park=park.id, clock=clock)
    tasks.at_end(store.close)
    database = OwnDatabase(settings.database)
    tasks.at_end(database.close)
    await check_broker(broker, BROKER_S_MAX)

    instruments = Instruments(park=park.id, worker=settings.worker)
    link = MqttLink(
        broker,
        client_id=f"{park.id}-ingest-{settings.worker}",
        clock=clock,
        subscriptions=subscriptions(park.id, worker=settings.worker, is_shared=settings.shared),
        queue_max=settings.queue_max,
        queue_bytes_max=settings.queue_bytes_max,
    )
    canary = Canary(park.id, worker=settings.worker, clock=clock)
    worker = Worker(
        park=park, link=link, canary=canary, store=store, quarantine=Quarantine(database), texts=Texts(database),
        signer=signer, clock=clock, instruments=instruments,
    )  # fmt: skip

    async def take(changed: Park) -> str:
        refuse_another(park.id, changed.id, "ingest")
        worker.take_park(changed)
        return f"{len(changed.points)} points"

    reloading = Reloading(
        partial(load_park, settings.park),
        take,
        registry=instruments.registry,
        wall=tasks.clock,
        log=log.logger("ingest"),
    )
    health = HealthServer(
        instruments.registry,
        host=settings.metrics.host,
        port=settings.metrics.port,
        ready=worker.readiness,
        stalled=tasks.liveness.stalled,
        details=lambda: {"configuration": reloading.detail()},
    )
    await health.start()

    tasks.start(health.run(), name="health")
    tasks.start(worker.gather(), name="gather")
    tasks.start(worker.keep(tasks.liveness.watch("keep")), name="keep")
    if not store.is_durable_when_written:
        tasks.start(worker.secure(), name="secure")
    tasks.start(worker.tidy(), name="tidy")
    tasks.start(canary.prove(link), name="canary")
    tasks.start(link.run(_connected), name="link")
    tasks.on_hangup(reloading.run)
    tasks.status_words = lambda: words_of_readiness(worker.readiness())


async def _connected() -> None:
    """Nothing is to be said at a connection: the canary's task sees it."""
