"""The work of a control while another one leads: its own live image, closures and stop at its API, and its eyes on the leader."""

import asyncio
from dataclasses import replace
from functools import partial

from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from control.api.application import application
from control.api.counting import Counted
from control.api.server import HttpServer
from control.core import Core, assemble, load_people, watch_journal
from control.doors import health_of, parts_of
from control.live.frame import Frame
from control.live.hub import Hub
from control.outside import Seat, meet
from control.replica.leadership import Leadership
from control.replica.rank import Rank
from control.replica.watching import Watching
from control.settings import ControlSettings
from domain.errors import StorageError
from domain.park import Park
from runtime.clock import Clock
from runtime.log import logger
from runtime.metrics import HealthServer, words_of_readiness
from runtime.mqtt import BrokerSettings, MqttLink
from runtime.supervisor import Supervised
from wire.signing import Signer, Verifier

ANSWER_S_MAX = 1.0
"""Wall seconds that a closure waits for the database to say who may close; after that they count whom it last named."""


async def stand_by(
    settings: ControlSettings,
    park: Park,
    keys: tuple[Signer, Verifier],
    broker: BrokerSettings,
    lead: Leadership,
    clocks: tuple[Clock, Clock],
    tasks: Supervised,
) -> None:
    """Serve closures until the lead is ours; then every door is shut again, and what was asked for here is handed over."""
    clock, wall = clocks
    journal = watch_journal(settings, park, keys[0], clock, lead)
    core = await assemble(settings, park, keys[0], journal, clock, wall, leads=False)
    frame = Frame(
        core.image, core.orders, core.tickets, core.book, core.alarms, core.runner, core.hand_reports, clock
    )
    seat = Seat(replica=lead.replica, speaks=lambda: False, records=Watching)
    outside = meet(core, partial(MqttLink, broker, clock=clock), *keys, frame, seat=seat)
    people = _People(settings, core, wall)
    rank = Rank(
        leads=False,
        is_certain=lambda: False,
        leader_url=lambda: lead.leader.url if lead.leader is not None else "",
        refresh=people.refresh,
        body=lead.body,
    )
    health = health_of(core, outside, settings, rank)
    api = application(parts_of(core, Hub(frame, park, clock), health, settings, wall))
    people.api = api
    http = HttpServer(Counted(api, health.registry, wall), host=settings.api.host, port=settings.api.port)
    http.listen()
    metrics = HealthServer(
        health.registry,
        host=settings.metrics.host,
        port=settings.metrics.port,
        ready=health.readiness,
        stalled=tasks.liveness.stalled,
    )
    await metrics.start()
    running = [tasks.start(work, name=f"standby {name}") for name, work in outside.work()]
    running += [
        tasks.start(journal.recorder.run(), name="standby recorder"),
        tasks.start(metrics.run(), name="standby metrics"),
        tasks.start(http.run(), name="standby http"),
    ]
    tasks.status_words = lambda: "stands by; " + words_of_readiness(health.readiness())
    tasks.ready()
    logger("control").info("stands by", replica=lead.replica, leader=lead.leader_name)
    try:
        await lead.until_leading(on_look=partial(_follow, core))
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)
        await journal.engine.dispose()


async def _follow(core: Core) -> None:
    """Learn the term and the orders as the leader has them."""
    heard = [pulse.newest.term for pulse in core.image.pulses.values() if pulse.newest is not None]
    try:
        await core.term.follow(core.journal.engine, heard)
        await core.orders.load(core.journal.engine)
    except (SQLAlchemyError, OSError, StorageError):
        return  # the next look; what is known until then stands


class _People:
    """Who may do what, looked up for each request."""

    def __init__(self, settings: ControlSettings, core: Core, wall: Clock) -> None:
        self._settings = settings
        self._core = core
        self._wall = wall
        self.api: FastAPI | None = None

    async def refresh(self) -> None:
        """Take the people as the database has them now; while it does not answer, those that it last had."""
        assert self.api is not None
        journal, before = self._core.journal, self.api.state.parts
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                accounts, sessions, tokens = await load_people(
                    self._settings, journal.engine, journal.recorder, self._core.clock, self._wall
                )
        except (SQLAlchemyError, OSError, StorageError):
            return
        accounts.count_on(before.accounts)
        self.api.state.parts = replace(before, accounts=accounts, sessions=sessions, tokens=tokens)
