"""The centre without its doors: database, live image, commands, plans and alarms, put together and loaded."""

from collections.abc import Coroutine, Iterable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from control.alarms.service import Alarms
from control.alarms.watch import Watch
from control.audit.checkpoints import Checkpoints, Paths
from control.audit.log import AuditLog
from control.audit.restored import note_restored
from control.bell import Bell
from control.commands.archive import Archive
from control.commands.book import Book
from control.commands.desk import Desk
from control.commands.entries import changed
from control.commands.orders import Orders
from control.commands.overrides import Overrides
from control.commands.pen import Pen
from control.commands.term import Term
from control.commands.tickets import Tickets
from control.commands.view import View
from control.commissioning.service import Commissioning
from control.commissioning.travels import Travels
from control.database.connection import (
    SQLITE,
    database_address,
    engine_of,
    open_database,
    while_starting,
)
from control.database.ledger import Ledger
from control.database.recorder import Recorder
from control.database.spool import Spool
from control.database.thread import Thread
from control.hand import HandReports
from control.live.image import Image
from control.people.accounts import Accounts
from control.people.sessions import Rules, Sessions
from control.people.tokens import Tokens
from control.plans.passing import PassingSamples
from control.plans.reopener import Reopener
from control.plans.runner import Runner
from control.replica.handing import Handing, hand_spool
from control.replica.inheritance import void
from control.replica.leadership import Leadership
from control.settings import ControlSettings
from domain.park import Park
from runtime.clock import Clock
from runtime.supervisor import Supervised
from wire.signing import Signer

Work = tuple[str, Coroutine[object, object, None]]
"""A name, and what runs under it for ever."""
HOUR_MS = 3_600_000
MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """Everything that writes and reads what must last."""

    engine: AsyncEngine
    ledger: Ledger
    recorder: Recorder
    audit: AuditLog
    checkpoints: Checkpoints


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The centre's parts, as the doors use them."""

    park: Park
    clock: Clock
    changes: Bell
    image: Image
    journal: Journal
    term: Term
    book: Book
    archive: Archive
    orders: Orders
    view: View
    tickets: Tickets
    overrides: Overrides
    commissioning: Commissioning
    travels: Travels
    pen: Pen
    desk: Desk
    runner: Runner
    reopener: Reopener
    alarms: Alarms
    hand_reports: HandReports
    accounts: Accounts
    sessions: Sessions
    tokens: Tokens

    def work(self) -> Iterable[Work]:
        """Return what runs for ever but what speaks with the broker."""
        yield "plans", self.runner.run()
        yield "reopenings", self.reopener.run()
        yield "alarms", self.alarms.run()
        yield "commissioning", self.commissioning.run()
        yield "recorder", self.journal.recorder.run()
        yield "checkpoints", self.journal.checkpoints.run()


async def open_journal(
    settings: ControlSettings,
    park: Park,
    signer: Signer,
    clock: Clock,
    tasks: Supervised,
    lead: Leadership | None = None,
) -> Journal:
    """Open the database and import what was spooled beside it. Raises ConfigurationError, StorageError.

    With `lead` every transaction is fenced, and what an earlier run spooled is handed to whoever leads now, this one or another.
    """
    database = settings.database
    if lead is None:
        engine = await open_database(database.url, password_file=database.password_file)
    else:  # its tables are up to date: to find that again would delay a take-over
        engine = engine_of(database_address(database.url, password_file=database.password_file))
    is_alone = lead is None and engine.dialect.name == SQLITE
    ledger = Ledger(
        engine, lead.fence if lead is not None else None, thread=Thread(engine.url) if is_alone else None
    )
    await ledger.load()
    # Who waits for a commit while everything ends is answered: written, or that another leads.
    tasks.start(ledger.run(), name="ledger", is_last=True)
    spool = Spool(settings.state / "spool.jsonl")
    if lead is not None:
        await hand_spool(engine, spool, replica=lead.replica, at_ms=clock.now_ms())
    await note_restored(settings.state, ledger)
    recorder = Recorder(ledger, spool, clock)
    await recorder.restore_at_start()
    return _journal(settings, park, signer, clock, ledger, recorder)


def watch_journal(
    settings: ControlSettings, park: Park, signer: Signer, clock: Clock, lead: Leadership
) -> Journal:
    """Open the database for a control that does not lead: it reads, and hands over what is asked for here."""
    address = database_address(settings.database.url, password_file=settings.database.password_file)
    engine = engine_of(address)
    ledger = Ledger(engine)
    recorder = Handing(ledger, Spool(settings.state / "spool.jsonl"), clock, replica=lead.replica)
    return _journal(settings, park, signer, clock, ledger, recorder)


def _journal(
    settings: ControlSettings, park: Park, signer: Signer, clock: Clock, ledger: Ledger, recorder: Recorder
) -> Journal:
    paths = Paths(
        checkpoints=settings.state / "checkpoints.jsonl",
        trusted=settings.keys.trusted,
        copies=settings.audit.copies,
    )
    checkpoints = Checkpoints(ledger, signer, clock, park=park.id, paths=paths)
    return Journal(
        engine=ledger.engine,
        ledger=ledger,
        recorder=recorder,
        audit=AuditLog(ledger),
        checkpoints=checkpoints,
    )


@while_starting()
async def assemble(
    settings: ControlSettings,
    park: Park,
    signer: Signer,
    journal: Journal,
    clock: Clock,
    wall: Clock,
    *,
    leads: bool = True,
) -> Core:
    """Make the centre and load what it knew before. Raises StorageError.

    One that leads takes the next term; one that does not goes by the leader's.
    """
    engine, recorder = journal.engine, journal.recorder
    term = Term(recorder, clock)
    await (term.begin(engine) if leads else term.follow(engine))
    changes, image = Bell(), Image(park)
    book, orders, archive = Book(), Orders(park), Archive(engine)
    await orders.load(engine)
    if leads:  # else the book has what is asked for here alone: the rest is the leader's to send and to end
        book.load(await archive.recent(), now_s=clock.monotonic())
        await _end_void(book, recorder, park, clock)
    accounts, sessions, tokens = await load_people(settings, engine, recorder, clock, wall)
    hand_reports = HandReports(park, recorder, clock)
    await hand_reports.load(engine)
    alarms = Alarms(Watch(park.alarms), image, recorder, clock, changes, orders=orders)
    await alarms.load(engine)
    commissioning = Commissioning(park, image, orders, recorder, clock, changes)
    await commissioning.load(engine)
    travels = Travels(orders)
    await travels.load(engine)
    view = View(park, image, orders, book, recorder, clock)
    pen = Pen(signer, view, term)
    tickets = Tickets(park, recorder, clock, changes, is_gone=accounts.is_gone)
    if leads:  # else they are the leader's to agree to
        await tickets.load(engine)
    desk = Desk(view, book, tickets, pen, recorder, clock, changes)
    runner = Runner(park, image, desk, book, orders, recorder, clock, changes)
    await runner.load(engine)
    samples = PassingSamples(park, image, clock)
    reopener = Reopener(
        park, image, desk, book, orders, recorder, clock, changes, samples=samples, is_gone=accounts.is_gone
    )
    if leads:  # else what is under way is the leader's to end
        await reopener.load(engine)
    return Core(
        park=park,
        clock=clock,
        changes=changes,
        image=image,
        journal=journal,
        term=term,
        book=book,
        archive=archive,
        orders=orders,
        view=view,
        tickets=tickets,
        overrides=Overrides(park, orders, recorder, clock),
        commissioning=commissioning,
        travels=travels,
        pen=pen,
        desk=desk,
        runner=runner,
        reopener=reopener,
        alarms=alarms,
        hand_reports=hand_reports,
        accounts=accounts,
        sessions=sessions,
        tokens=tokens,
    )


async def _end_void(book: Book, recorder: Recorder, park: Park, clock: Clock) -> None:
    """End what an earlier term had asked for away from safe and not let out: it is not let out under this one (I2)."""
    for item in void(book.open()):
        ended = item.timed_out(now_ms=clock.now_ms())
        book.put(ended, now_s=clock.monotonic())
        await recorder.keep(changed(ended, park, cause="term", at_ms=clock.now_ms()))


async def load_people(
    settings: ControlSettings, engine: AsyncEngine, recorder: Recorder, clock: Clock, wall: Clock
) -> tuple[Accounts, Sessions, Tokens]:
    """Return who may do what, as the database has it now."""
    accounts = Accounts(recorder, clock, wall)
    await accounts.load(engine)
    sessions = Sessions(
        accounts,
        recorder,
        clock,
        wall,
        rules=Rules(
            idle_ms_max=round(settings.session.idle_h_max * HOUR_MS),
            total_ms_max=round(settings.session.total_h_max * HOUR_MS),
            lock_ms=round(settings.people.lock_idle_min * MINUTE_MS),
            policy=settings.people.password_policy,
        ),
    )
    await sessions.load(engine)
    tokens = Tokens(recorder, clock, wall)
    await tokens.load(engine)
    return accounts, sessions, tokens
