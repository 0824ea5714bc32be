"""Starts PLCs, mosquitto, gateways, ingest and control as processes, speaks with them as a person and as a subscriber; judges nothing.

A command is over when control has acknowledged the record of its proof to the gateway: it does so after its commit only.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.command_park import PARK, Load, Ports, gateway_name, write_command_park
from benchmarks.gateway_park import write_mosquitto
from benchmarks.gateway_rig import MOSQUITTO, ROOT, cpu_of
from domain.errors import RemoteProtocolError
from runtime.clock import RealClock
from runtime.mqtt import BrokerSettings, MqttLink, Subscription
from stoplog.demo.ports import free_ports
from wire.canonical import Json
from wire.fields import Fields
from wire.messages import Record, acknowledgement, record
from wire.signing import Role, Verifier, load_verifier
from wire.topics import Channel, ours, parse_ours

START_S_MAX = 120.0
PASSWORD = "correct horse battery"
GIVEN = "for the first sign-in only"
"""Of users who live as long as the benchmark."""
_CLOCK = RealClock()


@dataclass(frozen=True, slots=True)
class Answer:
    """What control's API said."""

    status: int
    body: Json
    cookies: tuple[str, ...]

    @property
    def fields(self) -> Fields:
        """The body, as a mapping. Raises RemoteProtocolError when it is none."""
        return Fields.of("answer", self.body)


class Person:
    """Somebody at control's API: one connection that stays, because each new one would be measured too."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._cookie = ""
        self._csrf = ""

    async def ask(self, method: str, path: str, body: Json = None) -> Answer:
        """Send one request and return the answer."""
        if self._streams is None or self._streams[0].at_eof():
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        content = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} /api/v1{path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\nCookie: {self._cookie}\r\nX-Stoplog-Csrf: {self._csrf}\r\n\r\n"
        )
        writer.write(head.encode() + content)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = [line.partition(": ")[::2] for line in lines[1:] if line]
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        said = await reader.readexactly(length)
        cookies = tuple(value.split(";")[0] for name, value in headers if name.lower() == "set-cookie")
        return Answer(int(lines[0].split()[1]), json.loads(said) if said else None, cookies)

    async def done(self, method: str, path: str, body: Json = None) -> Fields:
        """Send one request that must succeed. Raises RuntimeError with what was said otherwise."""
        answer = await self.ask(method, path, body)
        if answer.status >= 300:
            message = f"{method} {path}: {answer.status} {answer.body}"
            raise RuntimeError(message)
        return answer.fields if isinstance(answer.body, Mapping) else Fields({})

    async def sign_in(self, username: str, password: str = PASSWORD) -> None:
        """Open a session."""
        answer = await self.ask("POST", "/session", {"username": username, "password": password})
        self._cookie = "; ".join(answer.cookies)
        self._csrf = answer.fields.text("csrf")

    async def until_open(self, gates: int) -> None:
        """Return when `gates` gates are seen open, which takes a poll. Raises RuntimeError when they never are."""
        until_s = _CLOCK.monotonic() + START_S_MAX
        while True:
            actuators = (await self.done("GET", "/live")).mapping("actuators").values()
            seen = sum(Fields.of("actuator", item).text("position") == "open" for item in actuators)
            if seen == gates:
                return
            if _CLOCK.monotonic() > until_s:
                message = f"{seen} of {gates} gates are seen open"
                raise RuntimeError(message)
            await _CLOCK.sleep(0.1)

    def close(self) -> None:
        """Leave."""
        if self._streams is not None:
            self._streams[1].close()


class Listener:
    """Hears what gateways record and what control acknowledges."""

    def __init__(self, link: MqttLink, verifier: Verifier) -> None:
        self._link = link
        self._verifier = verifier
        self._records: dict[tuple[str, str, int], Record] = {}
        self._waiting: dict[tuple[str, str], asyncio.Future[float]] = {}

    def proof(self, command: str, state: str = "confirmed") -> asyncio.Future[float]:
        """Return what becomes the monotonic time at which control has recorded that `command` is in `state`."""
        return self._waiting.setdefault((command, state), asyncio.get_running_loop().create_future())

    async def run(self) -> None:
        """Listen for ever."""
        while True:
            message = await self._link.next()
            found = parse_ours(message.topic)
            if found is None:
                continue
            try:
                # Control may acknowledge what a reply said before it comes again as a record.
                if found[2] in {Channel.REPLY, Channel.RECORDS}:
                    told = record(self._verifier.verify(message.payload, roles={Role.GATEWAY}).body)
                    self._records[told.gateway, told.epoch, told.offset] = told
                    continue
                said = acknowledgement(self._verifier.verify(message.payload, roles={Role.CONTROL}).body)
            except RemoteProtocolError:
                continue
            for first, last in said.durable:
                for offset in range(first, last + 1):
                    self._proved(
                        self._records.pop((said.gateway, said.epoch, offset), None), message.received_s
                    )

    def _proved(self, told: Record | None, at_s: float) -> None:
        if told is not None and told.kind == "command":
            key = (str(told.body.get("id")), str(told.body.get("state")))
            waiting = self._waiting.setdefault(key, asyncio.get_running_loop().create_future())
            if not waiting.done():
                waiting.set_result(at_s)


class Rig:
    """Everything, running."""

    def __init__(self, folder: Path, load: Load) -> None:
        self.folder = folder
        self.load = load
        broker, api, *plcs = free_ports(load.gates + 2)
        self.ports = Ports(broker=broker, api=api, plcs=plcs)
        self.colleague: Person | None = None
        """Agrees to what the operator asks for."""
        self._processes: dict[str, asyncio.subprocess.Process] = {}

    async def start(self, *services: str) -> None:
        """Start PLCs, broker, gateways and the `services` named."""
        write_command_park(self.folder, self.load, self.ports)
        await self._run(
            *(sys.executable, "-m", "benchmarks.command_plcs"),
            *(json.dumps(self.ports.plcs), str(self.load.registers)),
            name="plcs",
            speaks=True,
        )
        await self._line()
        conf = write_mosquitto(self.folder, self.ports.broker)
        await self._run(MOSQUITTO, "-c", str(conf), name="broker")
        await self._until_listening(self.ports.broker)
        gateways = [gateway_name(number) for number in range(self.load.gateways)]
        for name in (*gateways, *services):
            kind = "gateway" if name in gateways else name
            settings = str(self.folder / f"{name}.toml")
            await self._run(sys.executable, "-m", "stoplog", kind, "--settings", settings, name=name)

    async def operator(self) -> Person:
        """Return a signed-in operator, when every gate is seen."""
        await self._until_listening(self.ports.api)
        token_file = self.folder / "control" / "setup-token"
        until_s = _CLOCK.monotonic() + START_S_MAX
        person = Person(self.ports.api)
        while not token_file.exists():
            await self._pause(until_s, "no set-up token")
        setup: Json = {
            "token": token_file.read_text().strip(), "username": "root", "display_name": "root", "password": PASSWORD
        }  # fmt: skip
        await person.done("POST", "/setup", setup)
        await person.sign_in("root")
        for name in ("operator", "colleague"):
            user: Json = {
                "username": name,
                "display_name": "值班员",
                "password": GIVEN,
                "roles": ["operator"],
            }
            await person.done("POST", "/users", user)
        self.colleague = Person(self.ports.api)
        for one, name in ((self.colleague, "colleague"), (person, "operator")):
            await one.sign_in(name, GIVEN)
            await one.done("POST", "/session/password", {"old": GIVEN, "new": PASSWORD})
        while True:
            live = await person.done("GET", "/live")
            points = [Fields.of("point", item) for item in live.mapping("points").values()]
            if all(point.text("q") == "good" and not point.boolean("stale") for point in points):
                return person
            await self._pause(until_s, "control never saw every point good")

    async def ticket(self, person: Person, asked: Mapping[str, Json]) -> str:
        """Ask for a move away from safe, and have a colleague agree to it; return the ticket's id."""
        assert self.colleague is not None
        ticket = await person.done("POST", "/tickets", dict(asked))
        word: Json = {"content_hash": ticket.text("content_hash")}
        await self.colleague.done("POST", f"/tickets/{ticket.text('id')}/approve", word)
        return ticket.text("id")

    def verifier(self) -> Verifier:
        """Return who believes every key of the rig."""
        return load_verifier((self.folder / "trusted.jwks").read_text())

    async def open_all(self) -> None:
        """Let every gate stand open, as if by hand."""
        await self._said("open")

    async def until_polled(self) -> None:
        """Return when every PLC has been read. Raises RuntimeError with the logs when one never is."""
        until_s = _CLOCK.monotonic() + START_S_MAX
        while json.loads(await self._said("unread")):
            await self._pause(until_s, "not every PLC was read")

    async def raise_value(self, number: int) -> float:
        """Let PLC `number` show a value beyond its cut-off; return when it did (monotonic)."""
        return float(json.loads(await self._said(f"raise {number}")))

    async def writes(self) -> tuple[list[tuple[float, int, int]], dict[int, float]]:
        """Return the coils written since the last time, and when each raised value was first given away."""
        found = json.loads(await self._said("writes"))
        writes = [(float(at_s), int(number), int(coil)) for at_s, number, coil in found["writes"]]
        return writes, {int(number): float(at_s) for number, at_s in found["asked"].items()}

    def cpu_s(self) -> dict[str, float]:
        """Return the CPU seconds that each process has used."""
        return {name: cpu_of(process.pid) for name, process in self._processes.items()}

    async def close(self) -> None:
        """End everything that was started, the last first."""
        if self.colleague is not None:
            self.colleague.close()
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        for process in self._processes.values():
            try:
                async with asyncio.timeout(12):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()

    async def _run(self, *command: str, name: str, speaks: bool = False) -> asyncio.subprocess.Process:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=ROOT,
                stdin=asyncio.subprocess.PIPE if speaks else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if speaks else log,
                stderr=log,
            )
        self._processes[name] = process
        return process

    async def _said(self, line: str) -> str:
        plcs = self._processes["plcs"]
        assert plcs.stdin is not None
        plcs.stdin.write(f"{line}\n".encode())
        return await self._line()

    async def _line(self) -> str:
        plcs = self._processes["plcs"]
        assert plcs.stdout is not None
        async with asyncio.timeout(START_S_MAX):
            return (await plcs.stdout.readline()).decode()

    async def _until_listening(self, port: int) -> None:
        until_s = _CLOCK.monotonic() + START_S_MAX
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await self._pause(until_s, f"nobody listens on {port}")
            else:
                writer.close()
                return

    async def _pause(self, until_s: float, why: str) -> None:
        dead = [name for name, process in self._processes.items() if process.returncode is not None]
        if dead or _CLOCK.monotonic() > until_s:
            logs = "\n".join((self.folder / f"{name}.log").read_text() for name in dead or self._processes)
            message = f"{why}\n{logs}"
            raise RuntimeError(message)
        await _CLOCK.sleep(0.1)


@contextlib.asynccontextmanager
async def command_system(load: Load, *, with_ingest: bool) -> AsyncIterator[tuple[Rig, Person, Listener]]:
    """Yield everything running, somebody signed in, and who hears what is recorded; files beside the sources on a real disk."""
    with TemporaryDirectory(dir=ROOT, prefix="state-bench-", ignore_cleanup_errors=True) as place:
        rig = Rig(Path(place), load)
        listening: list[asyncio.Task[None]] = []
        try:
            await rig.start("control", *(["ingest"] if with_ingest else []))
            person = await rig.operator()
            link = MqttLink(
                BrokerSettings(host="127.0.0.1", port=rig.ports.broker),
                client_id="bench-listener",
                clock=_CLOCK,
                subscriptions=[
                    Subscription(topic=ours(PARK, "+", channel), qos=0)
                    for channel in (Channel.REPLY, Channel.RECORDS, Channel.ACK_RECORDS)
                ],
            )
            listener = Listener(link, rig.verifier())
            connected = asyncio.get_running_loop().create_future()

            async def is_connected() -> None:
                connected.set_result(None)

            listening += [asyncio.create_task(link.run(is_connected)), asyncio.create_task(listener.run())]
            await connected
            yield rig, person, listener
            person.close()
        finally:
            for task in listening:
                task.cancel()
            await asyncio.gather(*listening, return_exceptions=True)
            await rig.close()


@contextlib.asynccontextmanager
async def edge_alone(load: Load) -> AsyncIterator[Rig]:
    """Yield PLCs, mosquitto and gateways, every PLC read."""
    with TemporaryDirectory(dir=ROOT, prefix="state-bench-", ignore_cleanup_errors=True) as place:
        rig = Rig(Path(place), load)
        try:
            await rig.start()
            await rig.until_polled()
            yield rig
        finally:
            await rig.close()
