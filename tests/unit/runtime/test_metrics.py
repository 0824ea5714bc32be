"""The health server answers on three paths, says why it is not ready, and shrugs at nonsense."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry, Counter

from domain.errors import LinkError
from runtime.metrics import HealthServer, words_of_readiness

REASONS: list[str] = []
STALLED: list[str] = []


@pytest.fixture
async def server() -> AsyncIterator[HealthServer]:
    REASONS.clear()
    STALLED.clear()
    registry = CollectorRegistry()
    Counter("stoplog_things", "Things", registry=registry).inc(3)
    # Any free port: bound once to learn it.
    probe = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = probe.sockets[0].getsockname()[1]
    probe.close()
    await probe.wait_closed()
    made = HealthServer(
        registry,
        host="127.0.0.1",
        port=port,
        ready=lambda: (not REASONS, tuple(REASONS)),
        stalled=lambda: tuple(STALLED),
        details=lambda: {"since": 7},
    )
    await made.start()
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def ask(server: HealthServer, request: bytes) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    return answer.decode()


async def test_it_answers(server: HealthServer) -> None:
    assert "stoplog_things_total 3.0" in await ask(server, b"GET /metrics HTTP/1.1\r\n\r\n")
    assert (await ask(server, b"GET /health/live HTTP/1.1\r\n\r\n")).startswith("HTTP/1.1 200 ")
    assert '"ready": true' in await ask(server, b"GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n")


async def test_it_is_not_live_while_a_main_task_stalls(server: HealthServer) -> None:
    STALLED.append("poll plc_1")
    answer = await ask(server, b"GET /health/live HTTP/1.1\r\n\r\n")
    assert answer.startswith("HTTP/1.1 503 ")
    assert '{"live": false, "stalled": ["poll plc_1"]}' in answer
    assert '"since": 7' in await ask(server, b"GET /health/ready HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize(("reasons", "words"), [
    ((), "ready"),
    (("a", "b", "c"), "a; b; c"),
    (("a", "b", "c", "d", "e"), "a; b; c and 2 more"),
])  # fmt: skip
def test_its_state_is_one_line(reasons: tuple[str, ...], words: str) -> None:
    assert words_of_readiness((not reasons, reasons)) == words


async def test_it_says_why_it_is_not_ready(server: HealthServer) -> None:
    REASONS.append("没有代理 no broker")
    answer = await ask(server, b"GET /health/ready HTTP/1.1\r\n\r\n")
    assert answer.startswith("HTTP/1.1 503 ")
    assert "没有代理 no broker" in answer


@pytest.mark.parametrize(("request_", "status"), [
    (b"GET /etc/passwd HTTP/1.1\r\n\r\n", "404"),
    (b"POST /metrics HTTP/1.1\r\n\r\n", "405"),
    (b"\r\n\r\n", "405"),
    (b"x" * 20_000 + b"\r\n\r\n", ""),
])  # fmt: skip
async def test_nonsense_gets_little(server: HealthServer, request_: bytes, status: str) -> None:
    answer = await ask(server, request_)
    assert answer[9:12] == status


async def test_a_taken_port_is_said(server: HealthServer) -> None:
    second = HealthServer(CollectorRegistry(), host="127.0.0.1", port=server.port, ready=lambda: (True, ()))
    with pytest.raises(LinkError, match=f"cannot listen on 127.0.0.1:{server.port}"):
        await second.start()


async def test_port_0_is_none() -> None:
    none = HealthServer(CollectorRegistry(), host="127.0.0.1", port=0, ready=lambda: (True, ()))
    await none.start()
    assert none.port == 0
