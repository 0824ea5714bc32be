"""The centre's side of the broker: its link, what it hears, what it sends, and how it keeps the edges; opens no port."""

from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from control.commands.records import Records
from control.commands.sender import Sender
from control.core import Core
from control.edge import Edge
from control.inbox import Inbox
from control.live.frame import Frame
from control.live.memory import Memory
from control.presence import Presence
from domain.ids import PointRef
from runtime.mqtt import MqttLink, Subscription, Will
from wire.signing import Signer, Verifier
from wire.topics import SPARKPLUG, Channel, host_id, ours, state

Work = tuple[str, Coroutine[object, object, None]]
"""A name, and what runs under it for ever."""


class MakeLink(Protocol):
    """Makes the link to the broker; nothing connects yet."""

    def __call__(
        self, *, client_id: str, subscriptions: Sequence[Subscription], will: Callable[[], Will | None]
    ) -> MqttLink: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What of the centre speaks with the broker."""

    link: MqttLink
    edge: Edge
    presence: Presence
    inbox: Inbox
    sender: Sender
    memory: Memory

    def work(self) -> Iterable[Work]:
        """Return what runs for ever."""
        yield "link", self.link.run(self.edge.connected)
        yield "inbox", self.inbox.run()
        yield "edge", self.edge.run()
        yield "sender", self.sender.run()
        yield "memory", self.memory.run()


def meet(core: Core, make_link: MakeLink, signer: Signer, verifier: Verifier, frame: Frame) -> Outside:
    """Put the centre's side of the broker together; nothing runs yet."""
    park = core.park.id
    heard = (Channel.HEARTBEAT, Channel.RECORDS, Channel.REPLY)
    link = make_link(
        client_id=f"stoplog-control-{park}",
        subscriptions=(
            Subscription(topic=state(host_id(park)), qos=1),
            Subscription(topic=f"{SPARKPLUG}/{park}/#", qos=1),
            *(Subscription(topic=ours(park, "+", channel), qos=1) for channel in heard),
        ),
        will=lambda: presence.will(),  # noqa: PLW0108  (it is made after its link)
    )
    presence = Presence(link, core.clock, host_id=host_id(park))
    journal = core.journal
    return Outside(
        link=link,
        memory=core.view.memory,
        presence=presence,
        edge=Edge(link, core.image, core.orders, core.term, signer, core.clock, presence=presence),
        inbox=_inbox(core, link, presence, signer, verifier, frame),
        sender=Sender(
            link, core.image, core.book, core.pen, core.desk, journal.recorder, core.clock, core.changes
        ),
    )


def _inbox(
    core: Core, link: MqttLink, presence: Presence, signer: Signer, verifier: Verifier, frame: Frame
) -> Inbox:
    records = Records(
        park=core.park,
        book=core.book,
        orders=core.orders,
        ledger=core.journal.ledger,
        recorder=core.journal.recorder,
        link=link,
        signer=signer,
        clock=core.clock,
        changes=core.changes,
        listeners=(core.alarms.hear,),
    )

    def on_points(refs: tuple[PointRef, ...]) -> None:
        frame.touch(refs)
        core.alarms.see(refs)
        core.view.memory.see(refs)

    return Inbox(
        link,
        core.image,
        verifier,
        records,
        on_points=on_points,
        on_state=presence.hear,
        changes=core.changes,
    )
