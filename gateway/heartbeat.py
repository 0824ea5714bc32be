"""The gateway's pulse: one signed heartbeat a second of wall time, each with a new challenge, and one at every connection."""

import secrets
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from gateway.challenges import Challenges
from gateway.edge_node import EdgeNode
from gateway.image import DeviceImage
from gateway.lane import Lane
from gateway.ledger import Ledger
from gateway.records import Records
from gateway.timekeeper import Timekeeper
from runtime.clock import Clock
from runtime.journal import Journal
from wire.heartbeat import Heartbeat, heartbeat_body
from wire.signing import Signer
from wire.topics import Channel, ours

PERIOD_S = 1.0
"""Wall seconds."""


class Pulse:
    """Makes heartbeats."""

    def __init__(
        self,
        images: Sequence[DeviceImage],
        node: EdgeNode,
        *,
        clock: Clock,
        challenges: Challenges,
        journal: Journal,
        records: Records,
        ledger: Ledger,
        times: Timekeeper,
        definitions: Mapping[str, tuple[str, str]],
        signer: Signer,
        lane: Lane,
        is_full: Callable[[], bool],
    ) -> None:
        self._images = images
        self._node = node
        self._clock = clock
        self._challenges = challenges
        self._journal = journal
        self._records = records
        self._ledger = ledger
        self._times = times
        self._definitions = definitions
        self._signer = signer
        self._lane = lane
        self._is_full = is_full
        self._sent_ms = 0
        self._topic = ours(records.park, records.gateway, Channel.HEARTBEAT)

    def beat(self) -> None:
        """Publish a heartbeat now."""
        now_s, speed = self._clock.monotonic(), self._clock.speed
        challenge = secrets.token_hex(16)
        self._challenges.issue(challenge, now_s=now_s)
        # It never goes back, though the machine's clock may: an older pulse would be taken for a replayed one.
        now_ms = self._clock.now_ms()
        self._sent_ms = max(self._sent_ms + 1, now_ms)
        message = Heartbeat(
            park=self._records.park,
            gateway=self._records.gateway,
            epoch=self._journal.epoch,
            challenge=challenge,
            term=self._ledger.term,
            sent_ms=self._sent_ms,
            ages_ms={image.device.id: _age_ms(image, now_s) for image in self._images},
            stale_after_ms={
                image.device.id: _whole_ms(image.stale_after_s(speed=speed)) for image in self._images
            },
            journal_payloads=self._journal.depth,
            journal_full=self._is_full(),
            records_pending=self._records.pending,
            clock_offset_ms=self._times.offset_ms,
            definitions=self._definitions,
            orders=self._ledger.orders.on(self._definitions).hash(),
            now_ms=now_ms,
            up_ms=_whole_ms(now_s),
            born_ms=self._node.born_ms,
            told=self._node.told,
        )
        self._lane.put(self._topic, self._signer.sign(heartbeat_body(message)))

    async def run(self, is_connected: Callable[[], bool], breathe: Callable[[], None]) -> None:
        """Beat while connected, for ever."""
        while True:
            breathe()
            await self._clock.sleep(0.0, floor_s=PERIOD_S)
            if is_connected():
                self.beat()


def _age_ms(image: DeviceImage, now_s: float) -> int | None:
    return None if image.read_s == -np.inf else round((now_s - image.read_s) * 1000)


def _whole_ms(seconds: float) -> int:
    """Held time makes nothing stale; the number stays one that JSON carries exactly."""
    return min(round(seconds * 1000), 10**12)
