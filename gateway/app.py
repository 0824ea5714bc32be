"""Starts a gateway. Read it from top to bottom: it is the order of the start."""

import asyncio
import contextlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import uvloop
from prometheus_client import CollectorRegistry

from domain.errors import ConfigurationError, Fault, LinkError
from domain.ids import GatewayId
from domain.park import Park
from gateway.backfill import Backfill
from gateway.core import Identity, assemble
from gateway.drain import drain
from gateway.field import Field
from gateway.hj212_stations import Loggers
from gateway.outside import Outside
from gateway.polling import Polling
from gateway.reload import Reload
from gateway.settings import GatewaySettings
from gateway.stations import Lines, build_stations, trust
from gateway.storage import Storage, open_storage
from gateway.telemetry_metrics import TelemetryMetrics
from runtime.exits import AccessRefused
from runtime.keys import read_signer, read_verifier
from runtime.log import configure, logger
from runtime.memory import settle
from runtime.metrics import HealthServer, words_of_readiness
from runtime.mqtt import BrokerSettings, MqttLink, check_broker
from runtime.parkfiles.loading import load_park
from runtime.reloading import Reloading
from runtime.settings import make_clock, read_settings
from runtime.supervisor import Supervised, run_service

BROKER_S_MAX = 5.0
"""Wall seconds for the broker to answer at the start."""


def main(settings: Path) -> int:
    """Run one gateway until it is told to stop; return its exit status."""
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())

    with contextlib.ExitStack() as at_end:

        async def serve(tasks: Supervised) -> None:
            await _serve(tasks, read_settings(settings, GatewaySettings), at_end)
            settle()

        return run_service("gateway", serve)


async def _serve(tasks: Supervised, settings: GatewaySettings, at_end: contextlib.ExitStack) -> None:
    configure(settings.log.level)
    clock = make_clock(settings.clock)
    park, gateway = _read_park(settings), GatewayId(settings.gateway)
    signer, verifier = read_signer(settings.keys.own), read_verifier(settings.keys.trusted)
    broker = settings.broker.connection()
    storage = open_storage(
        settings.journal, gateway=gateway, clock=clock, is_slewed=settings.clock.kind != "page"
    )
    at_end.callback(storage.close)
    await _meet(broker, storage)

    metrics = TelemetryMetrics(registry := CollectorRegistry())
    build = partial(
        build_stations,
        gateway=gateway,
        clock=clock,
        times=storage.times,
        metrics=metrics,
        floor_s=settings.floors.poll_s,
        lines=Lines(clock, tls=trust(settings.plc_tls)),
    )
    loggers = Loggers(park, gateway, settings.loggers, clock=clock, times=storage.times, registry=registry)
    core = assemble(
        Identity(
            park=park,
            gateway=gateway,
            signer=signer,
            verifier=verifier,
            challenge_validity_s=settings.challenge_validity_s,
        ),
        storage,
        partial(MqttLink, broker, clock=clock),
        build(park),
        clock=clock,
        metrics=metrics,
        spawn=lambda coro, name: tasks.start(coro, name=name),
        others=loggers.images,
    )
    field, outside, publisher, watch = core.field, core.outside, core.publisher, core.watch
    _show(metrics, field, outside, storage, {"samples": core.old_samples, "records": core.old_records})
    polling = Polling(
        lambda coro, name: tasks.start(coro, name=name), tasks.liveness, clock, publisher.tell, watch.polled
    )
    reload = Reload(
        field,
        gateway,
        polling=polling,
        executor=core.executor,
        watch=watch,
        build=build,
        tell=publisher.tell,
        times=storage.times,
        clock=clock,
        is_superseded=lambda: tasks.is_reload_asked,
        metrics=metrics,
    )
    reloading = Reloading(
        lambda: _read_park(settings), reload.apply, registry=registry, wall=tasks.clock, log=logger("gateway")
    )
    health = HealthServer(
        registry,
        host=settings.metrics.host,
        port=settings.metrics.port,
        ready=lambda: outside.readiness(field.images),
        stalled=tasks.liveness.stalled,
        details=lambda: {"configuration": reloading.detail()},
    )
    await health.start()

    core.recover()
    polling.start(field.stations.values())
    await loggers.start(
        publisher.tell,
        publisher.tell_late,
        watch.polled,
        is_full=lambda: publisher.is_full,
        start=lambda coro, name: tasks.start(coro, name=name),
        breathe=tasks.liveness.watch("data loggers"),
    )
    tasks.before_end(lambda: drain(polling.tasks(), (storage.samples, storage.records), clock))
    for name, running in core.work(tasks.liveness.watch):
        tasks.start(running, name=name)
    tasks.start(health.run(), name="health")
    tasks.start(core.meet(), name="broker")
    tasks.on_hangup(reloading.run)
    tasks.status_words = lambda: words_of_readiness(outside.readiness(field.images))
    logger("gateway").info("started", gateway=gateway, epoch=storage.epoch, devices=len(field.stations))


def _show(
    metrics: TelemetryMetrics, field: Field, outside: Outside, storage: Storage, again: Mapping[str, Backfill]
) -> None:
    """Show Prometheus what is known anyway."""
    metrics.watch(field.images)
    metrics.gauge(
        "stoplog_broker_connected",
        "1 while connected to the broker.",
        lambda: float(outside.link.is_connected),
    )
    metrics.gauge(
        "stoplog_clock_offset_seconds",
        "Wall clock minus sample clock: what is still to be slewed.",
        lambda: storage.times.offset_ms / 1000,
    )
    metrics.counter(
        "stoplog_acknowledgements_refused",
        "Acknowledgements that were forged, malformed or of another gateway.",
        "journal",
        {name: partial(_refused, backfill) for name, backfill in again.items()},
    )


def _refused(backfill: Backfill) -> int:
    return backfill.refused


def _read_park(settings: GatewaySettings) -> Park:
    """Return the park, in which our gateway is. Raises ConfigurationError with every fault found."""
    park = load_park(settings.park, settings.device_overrides)
    if settings.gateway in park.gateways:
        return park
    raise ConfigurationError(
        Fault(
            file=str(settings.park),
            line=0,
            field="gateway",
            kind="setting",
            message=f"the park has no gateway {settings.gateway!r}",
            remedy=f"name one of {', '.join(park.gateways)}",
        )
    )


async def _meet(broker: BrokerSettings, storage: Storage) -> None:
    """Check the broker before a gateway's first start.

    Later a missing broker keeps no gateway from starting: its cut-offs act whether or not anybody listens. A password that
    is refused always ends the start, because somebody has just changed it. Raises LinkError.
    """
    try:
        await check_broker(broker, BROKER_S_MAX)
    except AccessRefused:
        raise
    except LinkError as error:
        if not storage.ledger.has_met_broker:
            raise
        logger("gateway").warning("starting without a broker", reason=str(error))
