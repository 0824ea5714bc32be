"""What control hears: each telling is taken once, whichever way it comes, and by nobody but its own gateway."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import cast

import pytest

from control.bell import Bell
from control.commands.records import Records
from control.inbox import ECHO_S, Inbox
from control.live.image import Image
from domain.ids import GatewayId
from runtime.mqtt import Message, MqttLink
from tests.unit.control.test_records import record
from tests.unit.control.world import GW, PARK
from wire.messages import Record, record_body
from wire.signing import Role, load_signer, load_verifier, new_key, public_part
from wire.topics import Channel, ours

KEYS = [new_key(kid=name, role=Role.GATEWAY, identity=name) for name in (GW, "gw_west")]
VERIFIER = load_verifier(json.dumps({"keys": [public_part(key) for key in KEYS]}))
TOKEN, WESTERN = (load_signer(json.dumps(key)).sign(record_body(record())) for key in KEYS)


class Link:
    """What has come, in its order; then nothing more."""

    def __init__(self) -> None:
        self.dropped = 0
        self._waiting: asyncio.Queue[Message] = asyncio.Queue()

    def bring(self, *messages: Message) -> None:
        for message in messages:
            self._waiting.put_nowait(message)

    async def next(self) -> Message:
        return await self._waiting.get()

    def next_nowait(self) -> Message | None:
        return None if self._waiting.empty() else self._waiting.get_nowait()


@dataclass
class Kept:
    """Where records go."""

    groups: list[list[Record]] = field(default_factory=list)
    acknowledged: int = 0

    async def take_all(self, records: Iterable[Record]) -> None:
        self.groups.append(list(records))

    async def acknowledge(self) -> None:
        self.acknowledged += 1


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[tuple[Inbox, Link, Kept]]:
    link, kept = Link(), Kept()

    async def nobody(_said: bytes) -> None:
        return

    inbox = Inbox(
        cast("MqttLink", link),
        Image(PARK),
        VERIFIER,
        cast("Records", kept),
        on_points=lambda _refs: None,
        on_state=nobody,
        changes=Bell(),
    )
    running = asyncio.create_task(inbox.run())
    yield inbox, link, kept
    for _ in range(20):
        await asyncio.sleep(0)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


def heard(token: bytes, channel: Channel, at_s: float, gateway: str = GW) -> Message:
    return Message(topic=ours(PARK.id, GatewayId(gateway), channel), payload=token, received_s=at_s)


async def test_a_record_that_comes_by_both_ways_is_taken_once_and_again_when_its_edge_repeats_it() -> None:
    async with listening() as (_inbox, link, kept):
        link.bring(
            heard(TOKEN, Channel.REPLY, 100.0),
            heard(TOKEN, Channel.RECORDS, 100.0 + ECHO_S - 0.01),
            heard(TOKEN, Channel.RECORDS, 100.0 + ECHO_S),
        )
    assert [said for group in kept.groups for said in group] == [record(), record()]


async def test_records_that_come_together_are_committed_together() -> None:
    later = load_signer(json.dumps(KEYS[0])).sign(record_body(record("failed")))
    async with listening() as (_inbox, link, kept):
        link.bring(heard(TOKEN, Channel.REPLY, 1.0), heard(later, Channel.REPLY, 1.0))
    assert kept.groups == [[record(), record("failed")]]
    assert kept.acknowledged == 1


@pytest.mark.parametrize(
    ("token", "gateway"), [(WESTERN, GW), (TOKEN, "gw_west"), (WESTERN, "gw_west"), (b"a.b.c", GW)]
)
async def test_nobody_speaks_for_another(token: bytes, gateway: str) -> None:
    """Not even in bytes that were believed on another topic."""
    async with listening() as (inbox, link, kept):
        link.bring(
            heard(TOKEN, Channel.REPLY, 1.0),
            heard(token, Channel.RECORDS, 1.0 + ECHO_S, gateway),
        )
    assert kept.groups == [[record()]]
    assert inbox.refused == 1
