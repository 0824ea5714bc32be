"""Two real controls on one PostgreSQL, each behind a cable to it that a test can cut."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from stoplog.plain_http import NO_CERTIFICATES
from tests.service.control.console import CLOCK, Console, until
from tests.service.control.rig import HOST, ROOT, Rig, _listens, free_port
from tests.service.forked import Forked
from tests.service.postgres import Postgres

NAMES = ("a", "b")
START_S_USUAL = 8.0
"""Wall seconds that a control takes at most to start on a machine that has two cores and time for it."""


class Cable:
    """A way to a server through which nothing goes while it is cut: neither bytes nor an end."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self.port = free_port()
        self._whole = asyncio.Event()
        self._whole.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def lay(self) -> None:
        self._server = await asyncio.start_server(self._connected, HOST, self.port)

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        """Whatever was under way is lost; new connections go through."""
        for task in self._tasks:
            task.cancel()
        self._whole.set()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        there: asyncio.StreamWriter | None = None
        try:
            back, there = await asyncio.open_connection(HOST, self._server_port)
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._carry(reader, there))
                ways.create_task(self._carry(back, writer))
        except (OSError, ExceptionGroup, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for end in (writer, there):
                if end is not None:
                    end.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            await self._whole.wait()
            writer.write(data)
            await writer.drain()
        writer.close()


class Pair(Rig):
    """Broker, edges, PostgreSQL and two controls `a` and `b`."""

    def __init__(self, folder: Path, address: str, silence_s: float = 2.0) -> None:
        super().__init__(folder)
        server = urlsplit(address)
        assert server.port is not None
        self.address = address
        self.slowness = 1.0
        """How much longer than usual a start took here: a machine that is busy with something else takes over as late."""
        self.cables = {name: Cable(server.port) for name in NAMES}
        self.ports = {name: free_port() for name in NAMES}
        for name in NAMES:
            url = f"{server.scheme}://{server.username}@{HOST}:{self.cables[name].port}{server.path}"
            text = f"""
park = "{self.park_folder}"
state = "{self.state_of(name)}"
broker_wait_s = 5.0
[broker]
host = "{HOST}"
port = {self.broker_port}
[keys]
own = "{folder / "control.jwk"}"
trusted = "{folder / "trusted.jwks"}"
[database]
url = "{url}"
[people]
password_cost = "owasp"
[api]
host = "{HOST}"
port = {self.ports[name]}
[replica]
name = "{name}"
url = "{self.url_of(name)}"
silence_s = {silence_s}
"""
            (folder / f"{name}.toml").write_text(text)

    @property
    def park_folder(self) -> Path:
        return ROOT / "parks" / "lingang"

    def state_of(self, name: str) -> Path:
        return self.folder / f"state-{name}"

    def url_of(self, name: str) -> str:
        return f"http://{HOST}:{self.ports[name]}"

    def log_of(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def start(self, name: str) -> None:
        folder = self.folder
        self._processes[name] = Forked("control.app", folder / f"{name}.toml", log=folder / f"{name}.log")

    def send(self, name: str, number: signal.Signals) -> None:
        self._processes[name].send_signal(number)

    async def ready(self, name: str, path: str = "ready", *, within_s: float = 90.0) -> float:
        """Wait for `/health/<path>` of one control; return the wall seconds waited."""
        began_s = CLOCK.monotonic()
        async with httpx.AsyncClient(trust_env=False, verify=NO_CERTIFICATES, timeout=2.0) as client:
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get(f"{self.url_of(name)}/health/{path}")).is_success:
                        return CLOCK.monotonic() - began_s
                assert CLOCK.monotonic() - began_s < within_s, f"{name} {path}: {self.log_of(name)}"
                await asyncio.sleep(0.05)

    async def is_live_at(self, name: str, who: Console) -> None:
        """Wait until a control hears every gateway."""
        await self.is_live(self.at(name, who))

    def at(self, name: str, who: Console) -> Console:
        """Return the same browser at another control: the same cookie, the same session."""
        there = Console(self.url_of(name))
        there.http.cookies.update(who.http.cookies)
        there.csrf = who.csrf
        self._consoles.append(there)
        return there


@contextlib.asynccontextmanager
async def pair(
    folder: Path, server: Postgres, *, prepare: Callable[[Pair], None] = lambda _: None
) -> AsyncIterator[Pair]:
    """`a` leads, `b` stands by, until the block ends."""
    made = Pair(folder, server.new_database())
    prepare(made)
    made.start_broker()
    try:
        for cable in made.cables.values():
            await cable.lay()
        await until(lambda: _listens(made.broker_port), why="the broker listens")
        for edge in made.edges.values():
            edge.connect(made.broker)
            await edge.run()
        made.start("a")
        made.slowness = max(1.0, await made.ready("a", "leading") / START_S_USUAL)
        made.start("b")
        await made.ready("b")
        made.url, made.state = made.url_of("a"), made.state_of("a")
        yield made
    finally:
        for name in NAMES:
            if name in made._processes:
                made.send(name, signal.SIGCONT)
        await made.close()
        for cable in made.cables.values():
            await cable.close()
