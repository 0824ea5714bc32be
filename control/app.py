"""Control's start order, top to bottom; the only place where its doors and its centre meet."""

import asyncio
import sys
from functools import partial
from pathlib import Path

import uvloop

from control.api.application import application
from control.api.counting import Counted
from control.api.server import HttpServer
from control.audit.elsewhere import open_elsewhere
from control.audit.retention import Retention
from control.core import Core, assemble, open_journal
from control.database.connection import (
    database_address,
    engine_of,
    migrated,
    sqlite_path,
    while_starting,
)
from control.doors import health_of, parts_of
from control.first import demo_user, offer_setup, read_link
from control.health import Health
from control.live.frame import Frame
from control.live.hub import Hub
from control.outside import ALONE, Seat, meet
from control.replica.intake import Intake
from control.replica.leadership import Leadership
from control.replica.rank import LEADS, Rank
from control.replica.standby import stand_by
from control.settings import ControlSettings
from domain.errors import LinkError, StoplogError, StorageError
from domain.park import Park
from runtime.clock import Clock, RealClock
from runtime.exits import AccessRefused, exit_of
from runtime.keys import read_signer, read_verifier
from runtime.log import configure, logger
from runtime.memory import settle, unsettle
from runtime.metrics import HealthServer, words_of_readiness
from runtime.mqtt import BrokerSettings, MqttLink, check_broker
from runtime.parkfiles import load_park
from runtime.reloading import Reloading, refuse_another
from runtime.settings import make_clock, read_settings
from runtime.supervisor import Supervised, run_service, words_of
from wire.signing import Signer, Verifier

LEAD_S_MAX = 2.0
"""Wall seconds for the database to say who leads: a beat that takes longer is missed."""
CHECK_S = 3.0
"""Wall seconds for one look whether the broker is there."""
GIVE_WAY_S = 0.0005
"""Wall seconds after which a thread that computes gives way. By the interpreter's own 5 ms the one that commits may wait as long
for each of its statements, and a command for all of them."""


def main(settings: Path) -> int:
    """Run control to its end and return the exit status."""
    try:
        read = read_settings(settings, ControlSettings)
    except StoplogError as error:
        sys.stderr.write(f"stoplog control: {words_of(error)}\n")
        return exit_of(error)
    configure(read.log.level)
    sys.setswitchinterval(GIVE_WAY_S)
    return run_service("control", lambda tasks: serve(read, tasks), loop_factory=uvloop.new_event_loop)


async def serve(settings: ControlSettings, tasks: Supervised) -> None:
    """Bring everything up, wait for the end, say goodbye and seal the audit log.

    Raises ConfigurationError, StorageError or LinkError when something that it cannot start without is missing.
    """
    unsettle()
    clock, wall = make_clock(settings.clock), RealClock()
    park = load_park(settings.park)
    signer, verifier = read_signer(settings.keys.own), read_verifier(settings.keys.trusted)
    broker = settings.broker.connection()
    _make(settings.state)

    lead = await _lead(settings, clock)
    if lead is not None:
        tasks.at_end(partial(_let_go, lead, tasks))
        if not await lead.try_to_lead():
            await stand_by(settings, park, (signer, verifier), broker, lead, (clock, wall), tasks)
        # From here on: what is begun as leader is written as leader or not at all.
        tasks.start(_while_leading(lead, tasks), name="lead")
    await _work(settings, park, (signer, verifier), broker, lead, (clock, wall), tasks)


async def _work(
    settings: ControlSettings,
    park: Park,
    keys: tuple[Signer, Verifier],
    broker: BrokerSettings,
    lead: Leadership | None,
    clocks: tuple[Clock, Clock],
    tasks: Supervised,
) -> None:
    """Do all of control's work until the end: as the only one, or as the one that leads."""
    (signer, verifier), (clock, wall) = keys, clocks
    journal = await open_journal(settings, park, signer, clock, tasks, lead)
    tasks.at_end(journal.ledger.close)
    core = await assemble(settings, park, signer, journal, clock, wall)
    frame = Frame(
        core.image, core.orders, core.tickets, core.book, core.alarms, core.runner, core.hand_reports, clock
    )
    seat = ALONE if lead is None else Seat(replica=lead.replica, speaks=partial(_speaks, lead, core))
    outside = meet(core, partial(MqttLink, broker, clock=clock), signer, verifier, frame, seat=seat)
    rank = LEADS if lead is None else Rank(is_certain=lambda: lead.is_certain, body=lead.body)
    health = health_of(core, outside, settings, rank)
    parts = parts_of(core, Hub(frame, park, clock), health, settings, wall)
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

    if lead is not None:
        intake = Intake(core, clock)
        async with while_starting():
            await intake.take_all()
        tasks.start(intake.run(), name="intake")
    for name, running in (*outside.work(), *core.work()):
        tasks.start(running, name=name)
    _look_after_audit(settings, core, health, tasks)
    tasks.start(parts.hub.run(), name="live")
    tasks.start(metrics.run(), name="metrics")
    tasks.start(http.run(), name="http")
    tasks.on_hangup(reloading.run)
    tasks.status_words = lambda: words_of_readiness(health.readiness())
    tasks.ready()
    settle()
    logger("control").info("ready", console=f"http://{settings.api.host}:{http.port}", term=core.term.number)

    try:
        await asyncio.get_running_loop().create_future()  # until the supervisor cuts us short
    finally:
        await outside.presence.leave()
        if not journal.ledger.is_superseded:
            await journal.checkpoints.seal()


def _look_after_audit(settings: ControlSettings, core: Core, health: Health, tasks: Supervised) -> None:
    """Bring checkpoints to the second host and old records to the archive, where the settings ask for it."""
    block, journal = settings.audit, core.journal
    if block.elsewhere is not None:
        health.elsewhere = open_elsewhere(block.elsewhere, journal.checkpoints.paths.checkpoints, core.clock)
        tasks.at_end(health.elsewhere.close)
        tasks.start(health.elsewhere.run(), name="checkpoints elsewhere")
    if block.keep_days is not None:
        retention = Retention(
            journal.ledger,
            journal.audit,
            journal.checkpoints,
            core.clock,
            keep_days=block.keep_days,
            archive=settings.state / "archive",
        )
        tasks.start(retention.run(), name="retention")


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


async def _lead(settings: ControlSettings, clock: Clock) -> Leadership | None:
    """Return this control's part in leading; None on SQLite, where it is alone."""
    database, replica = settings.database, settings.replica
    address = database_address(database.url, password_file=database.password_file)
    if sqlite_path(address) is not None:
        return None
    await migrated(address)
    engine = engine_of(address, answer_s=LEAD_S_MAX)
    return Leadership(engine, replica=replica.name, url=replica.url, silence_s=replica.silence_s, clock=clock)


async def _while_leading(lead: Leadership, tasks: Supervised) -> None:
    """Renew the lead; once another one has it, stand by in this process."""
    await lead.run()
    tasks.begin_again()


async def _let_go(lead: Leadership, tasks: Supervised) -> None:
    """At an end in good order let the other one lead at once; a start anew in this process goes on leading."""
    if not tasks.is_to_begin_again:
        await lead.resign()
    await lead.close()


def _speaks(lead: Leadership, core: Core) -> bool:
    """Whether we are the one: certain of the lead, or without a database while no gateway knows of a newer leader."""
    heard = (pulse.newest.term for pulse in core.image.pulses.values() if pulse.newest is not None)
    is_newest = max(heard, default=0) <= core.term.number
    return not lead.tenure.is_superseded and (lead.is_certain or is_newest)


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
