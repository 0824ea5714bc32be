"""A service ends cleanly on a signal, with its status on a crash, and says a start-up error once."""

import asyncio
import errno
import os
import signal
from collections.abc import Awaitable, Callable

import pytest

from domain.errors import ConfigurationError, Fault, LinkError, StorageError
from runtime.exits import AccessRefused, Exit, exit_of
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
