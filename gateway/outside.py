"""The gateway's side of the broker: the link, its will, the sessions that begin and end with it, and readiness."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, Protocol

from domain.errors import LinkError
from gateway.edge_node import EdgeNode
from gateway.image import DeviceImage
from runtime.mqtt import MqttLink, Subscription, Will

FAREWELL_S = 1.0
"""Wall seconds for our own NDEATH to go out when we leave."""


class MakeLink(Protocol):
    """Makes the link to the broker; nothing connects yet."""

    def __call__(
        self, *, client_id: str, subscriptions: Sequence[Subscription], will: Callable[[], Will | None]
    ) -> MqttLink: ...


class Outside:
    """The connection to the broker."""

    def __init__(
        self,
        make_link: MakeLink,
        node: EdgeNode,
        *,
        client_id: str,
        subscriptions: Sequence[Subscription],
        keep_bd_seq: Callable[[int], None],
    ) -> None:
        """`keep_bd_seq` is given the number of each session as it begins."""
        self._node = node
        self._keep_bd_seq = keep_bd_seq
        self._lost: Callable[[], None] = lambda: None
        self.link = make_link(client_id=client_id, subscriptions=subscriptions, will=self._will)

    async def publish(self, topic: str, payload: bytes, qos: Literal[0, 1]) -> None:
        """Publish. Raises LinkError."""
        await self.link.publish(topic, payload, qos=qos)

    def publish_at_once(self, topic: str, payload: bytes) -> bool:
        """Publish at QoS 0 without waiting; False: not just now."""
        return self.link.publish_at_once(topic, payload)

    def publish_early(self, topic: str, payload: bytes) -> bool:
        """Publish at QoS 0 without waiting for company; False: not just now."""
        return self.link.publish_at_once(topic, payload, gathers=False)

    async def run(self, connected: Callable[[], Awaitable[None]], lost: Callable[[], None]) -> None:
        """Keep the connection; `lost` is called before each new one. When cancelled, say that we leave."""
        self._lost = lost
        linked = asyncio.get_running_loop().create_task(self.link.run(connected), name="gateway: link")
        try:
            await asyncio.wait({linked})
            await linked
        finally:
            with contextlib.suppress(LinkError, TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    await self.publish(*self._node.death(), 1)
            linked.cancel()
            await asyncio.wait({linked})

    def readiness(self, images: Sequence[DeviceImage]) -> tuple[bool, tuple[str, ...]]:
        """Return whether the broker and every PLC answer, and every reason why not."""
        reasons = [f"{image.device.id} is silent" for image in images if not image.is_alive]
        if not self.link.is_connected:
            reasons.append(f"no broker: {self.link.fault or 'not yet'}")
        return not reasons, tuple(reasons)

    def _will(self) -> Will:
        """A new connection begins: the session of the one before is over."""
        self._lost()
        topic, payload = self._node.will()
        self._keep_bd_seq(self._node.bd_seq)
        return Will(topic=topic, payload=payload, qos=1, retain=False)
