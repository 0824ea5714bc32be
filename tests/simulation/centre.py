"""Control in the simulated world: the real centre behind the functions of its routes, on the world's database, from life to life."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy.exc import OperationalError

from control.api.guard import PREFIX
from control.api.parts import Parts
from control.api.problems import Problem
from control.api.rules import RULES
from control.audit.checkpoints import Checkpoints, Paths
from control.audit.log import AuditLog
from control.core import Core, Journal, assemble
from control.database.ledger import Ledger
from control.database.recorder import Recorder
from control.doors import health_of, parts_of
from control.live.frame import Frame
from control.live.hub import Hub
from control.outside import meet
from control.people.accounts import User
from control.people.roles import Person, Role
from control.settings import ApiBlock, ControlSettings, DatabaseBlock
from domain.errors import StoplogError
from domain.park import Park
from runtime.settings import BrokerBlock, KeysBlock
from tests.fakes.memory_database import MemoryDatabase, What, Written
from tests.simulation.broker import SimLink
from tests.simulation.disks import FULL, Disk, SimSpool
from tests.simulation.ground import Ground, SimClock
from tests.simulation.loop import Process, Sleep
from tests.simulation.trace import Began, Committed

Result = TypeVar("Result")
ANSWER_S = 12.0
"""Virtual seconds after which a person gives a request up."""
COMMIT_S = 0.006


class NoAnswer(Exception):
    """Control did not answer, or went away meanwhile."""


class Centre:
    """Control through all its lives."""

    def __init__(self, ground: Ground, park: Park, folder: Path) -> None:
        self.disk = Disk(folder)
        self.clock = SimClock(ground)
        self.database = MemoryDatabase()
        self.is_database_gone = False
        self.is_database_full = False
        self.life = 0
        self.process: Process | None = None
        self.core: Core | None = None
        self.parts: Parts | None = None
        """None while it is not ready."""
        self.sessions: dict[str, str] = {}
        """Person → the token of their session."""
        self._ground = ground
        self._park = park
        folder.mkdir(parents=True, exist_ok=True)
        self._settings = ControlSettings(
            park=folder,
            state=folder,
            broker=BrokerBlock(host="broker", port=1),
            keys=KeysBlock(own=folder / "own", trusted=folder / "trusted"),
            database=DatabaseBlock(url="sqlite:////memory"),
            api=ApiBlock(port=0),
        )

    @property
    def is_alive(self) -> bool:
        """Whether a life of it runs."""
        return self.process is not None and not self.process.is_dead

    def start(self) -> None:
        """Begin a life."""
        assert not self.is_alive
        self.life += 1
        self.parts = None
        process = self.process = self._ground.new_process("control", self.life)
        self.disk.process = process
        process.work(self._live(process), "start")

    async def ask(self, doing: Callable[[Parts], Awaitable[Result]]) -> Result:
        """Have control do something for a person. Raises NoAnswer, or what it answers instead."""
        process, parts = self.process, self.parts
        if process is None or process.is_dead or parts is None:
            raise NoAnswer
        answer: asyncio.Future[Result] = self._ground.loop.create_future()
        process.start(_answering(doing(parts), answer), "request")
        await asyncio.wait({answer}, timeout=ANSWER_S)
        if not answer.done():
            raise NoAnswer
        return answer.result()

    def who(self, name: str, method: str, path: str) -> Person:
        """Return the person who asks, as the guard does before every route. Raises NoAnswer, Problem."""
        if self.parts is None:
            raise NoAnswer
        found = self.parts.sessions.find(self.sessions.get(name))
        if found is None:
            raise Problem(401, "not-signed-in")  # type: ignore[arg-type]
        rule = RULES[method, path.removeprefix(PREFIX)]
        if rule.roles is not None and not found[0].has(rule.roles):
            raise Problem(403, "no-access-authority")  # type: ignore[arg-type]
        return found[0]

    async def sign_in(self, name: str, roles: Sequence[Role]) -> None:
        """Make a person known, and open their session."""

        async def doing(parts: Parts) -> str:
            user = parts.accounts.get(name)
            if user is None:
                user = User(
                    username=name, display_name=name, password=None, roles=frozenset(roles), enterprise=None,
                    created_ms=self.clock.now_ms(),
                )  # fmt: skip
                await parts.accounts.add(user, actor="root")
            return (await parts.sessions.open(user, how="password")).token

        self.sessions[name] = await self.ask(doing)

    async def _live(self, process: Process) -> None:
        try:
            await self._begin(process)
        except StoplogError as error:
            process.on_killed = partial(self._ground.ended, process, f"cannot start: {error}")
            process.kill()

    async def _begin(self, process: Process) -> None:
        """Put the centre together as its application does, and let it run."""
        ground, clock, folder = self._ground, self.clock, self.disk.folder
        signer, verifier = ground.keys.signers["control"], ground.keys.verifier
        engine = self.database.engine(partial(self._pause, process), partial(self._committed, process))
        ledger = Ledger(engine)
        await ledger.load()
        process.work(ledger.run(), "ledger")
        spool = SimSpool(folder / "spool.jsonl")
        spool.disk = self.disk
        recorder = Recorder(ledger, spool, clock)
        await recorder.restore_at_start()
        paths = Paths(checkpoints=folder / "checkpoints.jsonl", trusted=folder / "trusted")
        journal = Journal(
            engine=engine,
            ledger=ledger,
            recorder=recorder,
            audit=AuditLog(ledger),
            checkpoints=Checkpoints(ledger, signer, clock, park=self._park.id, paths=paths),
        )
        core = await assemble(self._settings, self._park, signer, journal, clock, clock)
        frame = Frame(
            core.image,
            core.orders,
            core.tickets,
            core.book,
            core.alarms,
            core.runner,
            core.hand_reports,
            clock,
        )
        outside = meet(core, partial(SimLink, ground.broker, process, ground.loop), signer, verifier, frame)
        health = health_of(core, outside, self._settings)
        self.core = core
        self.parts = parts_of(core, Hub(frame, self._park, clock), health, self._settings, clock)
        ground.trace.put(
            Began(at_s=ground.clock_s(), process="control", life=process.life, detail=str(core.term.number))
        )
        for name, running in (*outside.work(), *core.work()):
            process.work(running, name)

    async def _pause(self, process: Process, what: What) -> None:
        """Behave as the database's disk does now."""
        ground = self._ground
        self._refuse_if_ill(what)
        if what == "commit":
            await Sleep(ground.loop, ground.loop.now_s + COMMIT_S * (0.3 + ground.chance.disks.random()))
            if not process.affects():
                await ground.loop.create_future()
            self._refuse_if_ill(what)
        elif what == "read" or ground.chance.disks.random() < 0.1:
            await asyncio.sleep(0)

    def _refuse_if_ill(self, what: What) -> None:
        if self.is_database_gone or (self.is_database_full and what != "read"):
            raise OperationalError("", None, Exception(FULL))

    def _committed(self, process: Process, written: Sequence[Written]) -> None:
        ground = self._ground
        ground.trace.put(
            Committed(
                at_s=ground.clock_s(),
                life=process.life,
                writes=tuple(item for item in written if item[0] != "audit"),
                audit=tuple(row for table, kind, row in written if table == "audit"),
            )
        )


async def _answering(doing: Awaitable[Result], answer: "asyncio.Future[Result]") -> None:
    try:
        found = await doing
    except Exception as error:  # noqa: BLE001  (it goes on to whoever asked)
        if not answer.done():
            answer.set_exception(error)
    else:
        if not answer.done():
            answer.set_result(found)
