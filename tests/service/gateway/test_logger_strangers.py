"""Strangers, floods and guesses at the listener of data loggers: none of them costs a logger anything."""

import asyncio
import contextlib
from collections.abc import Callable
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from gateway.hj212_listener import FAULTS_MAX, STRANGER_FAULTS_MAX, STRANGERS_MAX
from gateway.poller import Turn
from tests.service.gateway.logger_bench import (
    WAIT_S,
    bench,
    data,
    framed,
    logger,
    until,
    wrong_mn,
)
from tests.service.gateway.logger_park import OTHER_MN


async def test_a_flood_delays_nobody(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        _, flood = await asyncio.open_connection("127.0.0.1", here.listener.port)
        packet = data(here.page.clock.now_ms() // 1000 * 1000, "w01014-Rtd=1,w01014-Flag=N")
        pump = asyncio.ensure_future(_pump(flood, packet * 50))
        other = logger(OTHER_MN)
        here.play(other)
        longest_s, clock = 0.0, here.page.clock
        try:
            while len(here.of("conductivity", "log_section")) < 4:
                before_s = clock.monotonic()
                await asyncio.sleep(0.01)
                longest_s = max(longest_s, clock.monotonic() - before_s)
        finally:
            pump.cancel()
            flood.transport.abort()
            await asyncio.wait([pump])
        assert longest_s < 0.5
        assert all(len(item.kept) <= 65_536 + 262_144 for item in here.listener._connections)


async def _pump(writer: asyncio.StreamWriter, data: bytes) -> None:
    with contextlib.suppress(OSError):
        while True:
            writer.write(data)
            await writer.drain()


@pytest.mark.parametrize(
    "bytes_of",
    [lambda n: b"##0010garbage\r\n", lambda n: b"\r\n" * 3, lambda n: b"x\r\n", wrong_mn],
)
async def test_strangers_are_sent_away(tmp_path: Path, bytes_of: Callable[[int], bytes]) -> None:
    async with bench(tmp_path) as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.listener.port)
        for number in range(STRANGER_FAULTS_MAX + 1):
            writer.write(bytes_of(number) + b"!\r\n")
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(WAIT_S):
                assert await reader.read() == b""
        writer.transport.abort()
        assert here.told == [] or all(turn is Turn.DEATH for _, turn, _ in here.told)


async def test_nobody_guesses_passwords_on_a_known_connection(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.listener.port)
        at_ms = here.page.clock.now_ms() // 1000 * 1000
        writer.write(data(at_ms, "w01014-Rtd=1,w01014-Flag=N"))
        await until(lambda: here.of("conductivity"))
        guess = data(at_ms, "w01014-Rtd=1", mn=OTHER_MN)
        wrong = framed(guess[6:-6].replace(b"PW=123456", b"PW=000000"))
        writer.write(wrong * FAULTS_MAX)
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(WAIT_S):
                await reader.read()
        writer.transport.abort()
        assert Turn.BIRTH not in here.turns("log_section")


async def test_a_crowd_of_strangers_leaves_room(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        crowd = [
            await asyncio.open_connection("127.0.0.1", here.listener.port) for _ in range(STRANGERS_MAX + 20)
        ]
        await until(lambda: len(here.listener._connections) <= STRANGERS_MAX)
        here.play(logger())
        await until(lambda: here.of("conductivity"))
        for _, writer in crowd:
            writer.transport.abort()


async def test_who_comes_from_elsewhere_is_not_let_in(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        here.listener._allow = (IPv4Network("192.0.2.0/24"),)
        reader, writer = await asyncio.open_connection("127.0.0.1", here.listener.port)
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(WAIT_S):
                assert await reader.read() == b""
        writer.transport.abort()
        here.listener._allow = (IPv4Network("192.0.2.0/24"), IPv4Network("127.0.0.0/8"))
        here.play(logger())
        await until(lambda: here.of("conductivity"))
