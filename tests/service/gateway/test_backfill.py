"""The resending of a journal over a link that the test holds: behind live data, within the credit, and by real signatures only."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Literal

from domain.errors import LinkLost
from domain.ids import GatewayId, ParkId
from gateway.backfill import Backfill
from gateway.lane import Lane
from runtime.clock import RealClock
from runtime.journal import Journal
from wire.messages import Acknowledgement, acknowledgement_body
from wire.signing import Role, Signer, load_signer, load_verifier, new_key, public_part

A, B = "a" * 32, "b" * 32
PARK, GATEWAY = ParkId("p"), GatewayId("gw")
CLOCK = RealClock()
INGEST, STRANGER = (new_key(kid=kid, role=Role.INGEST, identity="ingest") for kid in ("i", "x"))
OURSELVES = new_key(kid="g", role=Role.GATEWAY, identity="gw")
VERIFIER = load_verifier(json.dumps({"keys": [public_part(INGEST), public_part(OURSELVES)]}))


class Link:
    """A broker's connection that answers when the test says so."""

    def __init__(self) -> None:
        self.is_connected = True
        self.sent: list[bytes] = []
        self.answer: Callable[[bytes], None] = lambda _: None

    async def publish(self, topic: str, payload: bytes, *, qos: Literal[0, 1] = 0) -> None:
        if not self.is_connected:
            raise LinkLost("cut")
        self.sent.append(payload)
        self.answer(payload)


async def unheard(topic: str, payload: bytes, qos: int) -> None:
    return


def ack(
    signer: Signer, *, first: int, last: int, epoch: str = A, gateway: str = GATEWAY, is_durable: bool = True
) -> bytes:
    here = ((first, last),)
    message = Acknowledgement(
        park=PARK, gateway=GatewayId(gateway), epoch=epoch, received=here, durable=here if is_durable else ()
    )
    return signer.sign(acknowledgement_body(message))


def is_held(folder: Path) -> bool:
    return any(folder.glob(f"{A}-*.journal"))


@contextlib.asynccontextmanager
async def running(folder: Path, *, backlog: int) -> AsyncIterator[tuple[Backfill, Journal, Link, Lane]]:
    earlier = Journal.open(folder, gateway=GATEWAY, epoch=A, clock=CLOCK)
    for number in range(backlog):
        earlier.append("t", f"{number}".encode(), is_sent=False)
    earlier.close()
    journal = Journal.open(folder, gateway=GATEWAY, epoch=B, clock=CLOCK)
    link, lane = Link(), Lane(unheard)
    backfill = Backfill(
        journal, link, topic="history", qos=0, clock=CLOCK, verifier=VERIFIER,  # type: ignore[arg-type]
        receiver=Role.INGEST, gateway=GATEWAY, behind=lane,
    )  # fmt: skip
    task = asyncio.get_running_loop().create_task(backfill.run())
    try:
        yield backfill, journal, link, lane
    finally:
        task.cancel()
        await asyncio.wait({task})
        journal.close()


async def until(what: Callable[[], bool], *, within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not what():  # noqa: ASYNC110 # bounded
            await asyncio.sleep(0.01)


async def test_a_backlog_goes_as_fast_as_it_is_acknowledged(tmp_path: Path) -> None:
    signer = load_signer(json.dumps(INGEST))
    async with running(tmp_path, backlog=600) as (backfill, journal, link, _):
        link.answer = lambda payload: backfill.acknowledge(ack(signer, first=int(payload), last=int(payload)))
        await until(lambda: journal.depth == 0)
        assert link.sent == [f"{number}".encode() for number in range(600)]


async def test_live_data_goes_first_and_never_stops_the_backlog(tmp_path: Path) -> None:
    signer = load_signer(json.dumps(INGEST))
    async with running(tmp_path, backlog=600) as (backfill, journal, link, lane):
        link.answer = lambda payload: backfill.acknowledge(ack(signer, first=int(payload), last=int(payload)))
        lane.put("live", b"waiting")
        await asyncio.sleep(0.5)
        assert 1 <= len(link.sent) <= 30
        assert journal.depth >= 570
        lane.clear()
        await until(lambda: journal.depth == 0)


async def test_what_the_link_loses_goes_again(tmp_path: Path) -> None:
    signer = load_signer(json.dumps(INGEST))
    async with running(tmp_path, backlog=20) as (backfill, journal, link, _):
        await until(lambda: link.sent == [b"0"])
        link.is_connected = False
        await asyncio.sleep(0.3)
        link.answer = lambda payload: backfill.acknowledge(ack(signer, first=int(payload), last=int(payload)))
        link.is_connected = True
        journal.reconnected()
        await until(lambda: journal.depth == 0, within_s=12)
        assert set(link.sent) == {f"{number}".encode() for number in range(20)}


async def test_a_forged_acknowledgement_frees_nothing(tmp_path: Path) -> None:
    stranger, ourselves, ingest = (load_signer(json.dumps(key)) for key in (STRANGER, OURSELVES, INGEST))
    async with running(tmp_path, backlog=10) as (backfill, journal, _, _):
        forged = [
            ack(stranger, first=0, last=9),
            ack(ourselves, first=0, last=9),
            ack(ingest, first=0, last=9, gateway="gw_west"),
            ack(ingest, first=0, last=9)[:-4] + b"AAAA",
            b"no token",
            b"",
        ]
        for token in forged:
            backfill.acknowledge(token)
        assert backfill.refused == len(forged)
        # A real one of offsets that were never given, or of another life, changes nothing either.
        backfill.acknowledge(ack(ingest, first=10, last=2**53 - 1))
        backfill.acknowledge(ack(ingest, first=0, last=9, epoch="c" * 32))
        assert (journal.depth, backfill.refused) == (10, len(forged))
        assert is_held(tmp_path)
        backfill.acknowledge(ack(ingest, first=0, last=9))
        assert journal.depth == 0
        assert not is_held(tmp_path)
