"""The centre without its doors: database, live image, commands, plans and alarms, put together and loaded."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from control.alarms.service import Alarms
from control.alarms.watch import Watch
from control.audit.checkpoints import Checkpoints, Paths
from control.audit.log import AuditLog
from control.bell import Bell
from control.commands.archive import Archive
from control.commands.book import Book
from control.commands.desk import Desk
from control.commands.orders import Orders
from control.commands.pen import Pen
from control.commands.term import Term
from control.commands.view import View
from control.database.connection import open_database
from control.database.ledger import Ledger
from control.database.recorder import Recorder
from control.database.spool import Spool
from control.hand import HandReports
from control.live.image import Image
from control.people.accounts import Accounts
from control.people.sessions import Rules, Sessions
from control.people.tokens import Tokens
from control.plans.runner import Runner
from control.settings import ControlSettings
from domain.park import Park
from runtime.clock import Clock
from runtime.supervisor import Supervised
from wire.signing import Signer

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
    pen: Pen
    desk: Desk
    runner: Runner
    alarms: Alarms
    hand_reports: HandReports
    accounts: Accounts
    sessions: Sessions
    tokens: Tokens


async def open_journal(
    settings: ControlSettings, park: Park, signer: Signer, clock: Clock, tasks: Supervised
) -> Journal:
    """Open the database and import what was spooled beside it. Raises ConfigurationError, StorageError."""
    engine = await open_database(settings.database.url, password_file=settings.database.password_file)
    ledger = Ledger(engine)
    await ledger.load()
    tasks.start(ledger.run(), name="ledger")
    recorder = Recorder(ledger, Spool(settings.state / "spool.jsonl"), clock)
    await recorder.restore_at_start()
    paths = Paths(
        checkpoints=settings.state / "checkpoints.jsonl",
        trusted=settings.keys.trusted,
    )
    checkpoints = Checkpoints(ledger, signer, clock, park=park.id, paths=paths)
    return Journal(
        engine=engine, ledger=ledger, recorder=recorder, audit=AuditLog(ledger), checkpoints=checkpoints
    )


async def assemble(
    settings: ControlSettings, park: Park, signer: Signer, journal: Journal, clock: Clock, wall: Clock
) -> Core:
    """Make the centre and load what it knew before. Raises StorageError."""
    engine, recorder = journal.engine, journal.recorder
    term = Term(recorder, clock)
    await term.begin(engine)
    changes, image = Bell(), Image(park)
    book, orders, archive = Book(), Orders(park), Archive(engine)
    await orders.load(engine)
    book.load(await archive.recent(), now_s=clock.monotonic())
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
    hand_reports = HandReports(park, recorder, clock)
    await hand_reports.load(engine)
    alarms = Alarms(Watch(park.alarms), image, recorder, clock, changes)
    await alarms.load(engine)
    view = View(park, image, orders, book, recorder, clock)
    pen = Pen(signer, view, term)
    desk = Desk(view, book, pen, recorder, clock, changes)
    runner = Runner(park, image, desk, book, orders, recorder, clock, changes)
    await runner.load(engine)
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
        pen=pen,
        desk=desk,
        runner=runner,
        alarms=alarms,
        hand_reports=hand_reports,
        accounts=accounts,
        sessions=sessions,
        tokens=tokens,
    )
