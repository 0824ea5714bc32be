"""Control's start order, top to bottom; the only place where its doors and its centre meet."""

import asyncio
import sys
from functools import partial
from pathlib import Path

import uvloop

from control.api.application import application
from control.api.counting import Counted
from control.api.parts import Parts
from control.api.server import HttpServer
from control.commands.tags import Tags
from control.core import Core, assemble, open_journal
from control.first import demo_user, offer_setup, read_link
from control.health import Health
from control.live.frame import Frame
from control.live.hub import Hub
from control.outside import Outside, meet
from control.people.limits import Strangers
from control.settings import ControlSettings
from domain.errors import LinkError, StoplogError, StorageError
from domain.park import Park
from runtime.clock import Clock, RealClock
from runtime.exits import AccessRefused, exit_of
from runtime.keys import read_signer, read_verifier
from runtime.log import configure, logger
from runtime.metrics import HealthServer, words_of_readiness
from runtime.mqtt import BrokerSettings, MqttLink, check_broker
from runtime.parkfiles import load_park
from runtime.reloading import Reloading, refuse_another
from runtime.settings import make_clock, read_settings
from runtime.supervisor import Supervised, run_service, words_of
from stores.open import open_history

CHECK_S = 3.0
"""Wall seconds for one look whether the broker is there."""


def main(settings: Path) -> int:
    """Run control to its end and return the exit status."""
    try:
        read = read_settings(settings, ControlSettings)
    except StoplogError as error:
        sys.stderr.write(f"stoplog control: {words_of(error)}\n")
        return exit_of(error)
    configure(read.log.level)
    return run_service("control", lambda tasks: serve(read, tasks), loop_factory=uvloop.new_event_loop)


async def serve(settings: ControlSettings, tasks: Supervised) -> None:
    """Bring everything up, wait for the end, say goodbye and seal the audit log.

    Raises ConfigurationError, StorageError or LinkError when something that it cannot start without is missing.
    """
    clock, wall = make_clock(settings.clock), RealClock()
    park = load_park(settings.park)
    signer, verifier = read_signer(settings.keys.own), read_verifier(settings.keys.trusted)
    broker = settings.broker.connection()
    _make(settings.state)

    journal = await open_journal(settings, park, signer, clock, tasks)
    tasks.at_end(journal.engine.dispose)
    core = await assemble(settings, park, signer, journal, clock, wall)
    frame = Frame(core.image, core.orders, core.book, core.alarms, core.runner, core.hand_reports, clock)
    outside = meet(core, partial(MqttLink, broker, clock=clock), signer, verifier, frame)
    health = _health(core, outside, settings)
    parts = _parts(core, outside, Hub(frame, park, clock), health, settings, wall)
    app = Counted(application(parts), health.registry, wall)
    http = HttpServer(app, host=settings.api.host, port=settings.api.port)
    http.listen()
    reloading = _reloading(settings, park, health, tasks)
    metrics = HealthServer(
        health.registry,
        host=settings.metrics.host,
        port=settings.metrics.port,
        ready=health.readiness,
        stalled=tasks.liveness.stalled,
        details=lambda: {"configuration": reloading.detail()},
    )
    await metrics.start()
    if parts.history is not None:
        tasks.at_end(parts.history.close)
    await _wait_for_broker(broker, settings.broker_wait_s, clock)
    if settings.demo is not None:
        await core.accounts.offer_link(read_link(settings.demo.link_token_file), demo_user(wall))
    offer_setup(core.accounts, settings.state / "setup-token")

    for name, running in outside.work():
        tasks.start(running, name=name)
    tasks.start(core.runner.run(), name="plans")
    tasks.start(core.alarms.run(), name="alarms")
    tasks.start(journal.recorder.run(), name="recorder")
    tasks.start(journal.checkpoints.run(), name="checkpoints")
    tasks.start(parts.hub.run(), name="live")
    tasks.start(metrics.run(), name="metrics")
    tasks.start(http.run(), name="http")
    tasks.on_hangup(reloading.run)
    tasks.status_words = lambda: words_of_readiness(health.readiness())
    tasks.ready()
    logger("control").info("ready", console=f"http://{settings.api.host}:{http.port}", term=core.term.number)

    try:
        await asyncio.get_running_loop().create_future()  # until the supervisor cuts us short
    finally:
        await outside.presence.leave()
        await journal.checkpoints.seal()


def _reloading(settings: ControlSettings, park: Park, health: Health, tasks: Supervised) -> Reloading[Park]:
    """Return the reload: a changed park ends everything in good order and builds it anew in this process.

    Everything at the centre rests on the park, and all of it is loaded again from the database; the gateways go on meanwhile.
    """

    async def take(new: Park) -> str:
        refuse_another(park.id, new.id, "control")
        if new == park:
            return "nothing: the park is what it was"
        tasks.begin_again()
        return "begins again with the changed park"

    return Reloading(
        partial(load_park, settings.park),
        take,
        registry=health.registry,
        wall=tasks.clock,
        log=logger("control"),
    )


def _health(core: Core, outside: Outside, settings: ControlSettings) -> Health:
    store = settings.store.kind if settings.store is not None else None
    journal = core.journal
    health = Health(
        outside.link,
        core.image,
        core.book,
        journal.recorder,
        journal.audit,
        core.term,
        core.clock,
        store=store,
    )
    health.inbox = outside.inbox
    return health


def _parts(
    core: Core, outside: Outside, hub: Hub, health: Health, settings: ControlSettings, wall: Clock
) -> Parts:
    store = settings.store
    recorder = core.journal.recorder
    return Parts(
        park=core.park,
        image=core.image,
        view=core.view,
        desk=core.desk,
        book=core.book,
        archive=core.archive,
        orders=core.orders,
        tags=Tags(core.park, core.orders, recorder, core.clock, outside.edge.orders_changed),
        runner=core.runner,
        alarms=core.alarms,
        hand_reports=core.hand_reports,
        hub=hub,
        accounts=core.accounts,
        sessions=core.sessions,
        tokens=core.tokens,
        strangers=Strangers(),
        audit=core.journal.audit,
        checkpoints=core.journal.checkpoints,
        recorder=recorder,
        history=open_history(store, park=core.park.id) if store is not None else None,
        clock=core.clock,
        wall=wall,
        changes=core.changes,
        health=health.body,
        readiness=health.readiness,
        registry=health.registry,
        is_https=settings.api.is_https,
    )


async def _wait_for_broker(broker: BrokerSettings, wait_s: float, clock: Clock) -> None:
    """Wait for the broker. Raises AccessRefused at once, another LinkError when it has not come in time."""
    until_s = clock.monotonic() + wait_s
    while True:
        try:
            await check_broker(broker, CHECK_S)
        except AccessRefused:
            raise
        except LinkError:
            if clock.monotonic() >= until_s:
                raise
            await clock.sleep(0.0, floor_s=0.3)
        else:
            return


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"cannot make the folder {folder}: {error.strerror or error}"
        raise StorageError(message) from error
