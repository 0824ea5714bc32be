"""A service ends cleanly on a signal, with its status on a crash, and says a start-up error once."""

import asyncio
import errno
import os
import signal
from collections.abc import Awaitable, Callable

import pytest

from domain.errors import ConfigurationError, Fault, LinkError, StorageError
from runtime.exits import AccessRefused, Exit, exit_of
from runtime.notify import Notifier
from runtime.supervisor import Supervised, run_service


async def for_ever() -> None:
    await asyncio.get_running_loop().create_future()


async def fail(error: Exception) -> None:
    raise error


async def interrupt(number: int) -> None:
    os.kill(os.getpid(), number)


def serving(work: Callable[[Supervised], None]) -> int:
    async def serve(tasks: Supervised) -> None:
        tasks.start(for_ever(), name="for ever")
        work(tasks)

    return run_service("test", serve)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(number: int) -> None:
    assert serving(lambda tasks: void(tasks.start(interrupt(number), name="signal"))) == Exit.OK


def test_a_signal_cuts_a_start_short() -> None:
    async def serve(tasks: Supervised) -> None:
        await interrupt(signal.SIGTERM)
        await for_ever()

    assert run_service("test", serve) == Exit.OK


@pytest.mark.parametrize(("error", "status"), [
    (ZeroDivisionError(), Exit.CRASH),
    (LinkError("no broker"), Exit.UNAVAILABLE),
    (StorageError("full"), Exit.CANNOT_WRITE),
])  # fmt: skip
def test_a_failed_task_ends_the_service(error: Exception, status: Exit) -> None:
    assert serving(lambda tasks: void(tasks.start(fail(error), name="fails"))) == status


def test_a_crash_while_it_starts_ends_it() -> None:
    async def serve(tasks: Supervised) -> None:
        tasks.start(fail(ZeroDivisionError()), name="fails")
        await for_ever()

    assert run_service("test", serve) == Exit.CRASH


def test_it_ends_when_every_task_has() -> None:
    async def serve(tasks: Supervised) -> None:
        tasks.start(asyncio.sleep(0), name="short")

    assert run_service("test", serve) == Exit.OK


def test_what_is_open_is_closed_last_first_whatever_happens() -> None:
    closed: list[str] = []

    def closing(name: str, *, fails: bool = False) -> Callable[[], Awaitable[None]]:
        async def close() -> None:
            closed.append(name)
            if fails:
                raise StorageError(name)

        return close

    async def serve(tasks: Supervised) -> None:
        tasks.at_end(closing("first"))
        tasks.at_end(closing("second", fails=True))
        raise LinkError("no broker")

    assert run_service("test", serve) == Exit.UNAVAILABLE
    assert closed == ["second", "first"]


def test_what_others_may_wait_for_ends_after_them() -> None:
    answered: list[str] = []

    async def serve(tasks: Supervised) -> None:
        asked: asyncio.Queue[asyncio.Future[str]] = asyncio.Queue()

        async def answer() -> None:
            while True:
                (await asked.get()).set_result("written")

        async def ask() -> None:
            try:
                await for_ever()
            finally:
                written: asyncio.Future[str] = asyncio.get_running_loop().create_future()
                asked.put_nowait(written)
                answered.append(await written)

        tasks.start(answer(), name="ledger", is_last=True)
        tasks.start(ask(), name="http")
        tasks.start(interrupt(signal.SIGTERM), name="signal")

    assert run_service("test", serve) == Exit.OK
    assert answered == ["written"]


def test_a_start_up_error_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    async def serve(tasks: Supervised) -> None:
        raise LinkError("no MQTT broker at 127.0.0.1:1")

    assert run_service("gateway", serve) == Exit.UNAVAILABLE
    assert capsys.readouterr().err == "stoplog gateway: no MQTT broker at 127.0.0.1:1\n"


def fault(kind: str) -> ConfigurationError:
    return ConfigurationError(Fault(file="f", line=1, field="x", message="m", remedy="r", kind=kind))


@pytest.mark.parametrize(("error", "status"), [
    (fault("setting"), Exit.CONFIGURATION),
    (fault("unknown-reference"), Exit.PARK),
    (AccessRefused("wrong password"), Exit.PERMISSION),
    (OSError(errno.EADDRINUSE, "in use"), Exit.UNAVAILABLE),
    (OSError(errno.ENOSPC, "full"), Exit.CANNOT_WRITE),
    (PermissionError(errno.EACCES, "no"), Exit.CANNOT_WRITE),
    (OSError(errno.EIO, "?"), Exit.CRASH),
    (AssertionError(), Exit.CRASH),
])  # fmt: skip
def test_each_error_has_its_status(error: Exception, status: Exit) -> None:
    assert exit_of(error) is status


def void(_: object) -> None:
    """Let a statement be an expression."""


class Told(Notifier):
    """Notes what systemd would be told."""

    def __init__(self, watchdog_s: float | None = None) -> None:
        super().__init__({})
        self.watchdog_s = watchdog_s
        self.said: list[str] = []
        self.looks = 0
        self._looked = asyncio.Event()

    def _say(self, *lines: str) -> None:
        self.said.append(lines[0])

    def words(self) -> str:
        """How it is: asked at each look at the tasks."""
        self.looks += 1
        self._looked.set()
        return "all is well"

    async def fed(self, looks: int) -> int:
        """Return how often the watchdog was fed in the next `looks` looks."""
        until, before = self.looks + looks, self.said.count("WATCHDOG=1")
        async with asyncio.timeout(10):
            while self.looks < until:
                self._looked.clear()
                await self._looked.wait()
        return self.said.count("WATCHDOG=1") - before


async def test_the_watchdog_is_fed_while_the_main_tasks_turn_and_not_when_one_stalls() -> None:
    told = Told(watchdog_s=0.03)
    async with Supervised("test", told) as tasks:
        tasks.start(for_ever(), name="for ever")
        breath = tasks.liveness.watch("main", s_max=0.0)
        tasks.status_words = told.words
        assert await told.fed(3) == 3
        breath()
        assert await told.fed(3) == 0
        breath.rest()
        assert await told.fed(3) == 3
        tasks.stop()
    assert told.said[-1] == "STOPPING=1"
    assert told.said.count("STATUS=all is well") == 1


async def test_every_hang_up_is_answered_and_several_at_once_are_one() -> None:
    told, reloads = Told(), []

    async def reload() -> None:
        reloads.append(tasks.is_reload_asked)
        if len(reloads) == 1:
            await interrupt(signal.SIGHUP)
            await interrupt(signal.SIGHUP)
        else:
            tasks.stop()

    async with Supervised("test", told) as tasks:
        tasks.on_hangup(reload)
        await interrupt(signal.SIGHUP)
        await for_ever()
    assert reloads == [False, False]
    assert told.said == ["RELOADING=1", "READY=1", "RELOADING=1", "READY=1", "STOPPING=1"][: len(told.said)]
    assert len(told.said) >= 4


def test_a_hang_up_is_not_the_end_of_a_service_that_reads_nothing_again() -> None:
    def work(tasks: Supervised) -> None:
        tasks.start(interrupt(signal.SIGHUP), name="hang-up")
        tasks.start(end_later(tasks), name="end")

    assert serving(work) == Exit.OK


async def end_later(tasks: Supervised) -> None:
    await asyncio.sleep(0)
    tasks.stop()


def test_a_service_can_be_built_anew_in_its_process() -> None:
    built: list[Supervised] = []

    async def serve(tasks: Supervised) -> None:
        built.append(tasks)
        tasks.start(for_ever(), name="for ever")
        await asyncio.sleep(0)
        if len(built) < 3:
            tasks.begin_again()
        else:
            tasks.stop(Exit.UNAVAILABLE)

    assert run_service("test", serve) == Exit.UNAVAILABLE
    assert len(built) == 3
