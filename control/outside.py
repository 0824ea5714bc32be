"""The centre's side of the broker: its link, what it hears, what it sends, and how it keeps the edges; opens no port."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from control.commands.overrides import Overrides
from control.commands.records import Records
from control.commands.sender import Sender
from control.commands.tickets import Tickets
from control.core import Core, Work
from control.edge import Edge
from control.inbox import Inbox
from control.live.frame import Frame
from control.live.memory import Memory
from control.presence import Presence
from domain.ids import PointRef
from runtime.mqtt import MqttLink, Subscription, Will
from wire.signing import Signer, Verifier
from wire.topics import SPARKPLUG, Channel, host_id, ours, state


class MakeLink(Protocol):
    """Makes the link to the broker; nothing connects yet."""

    def __call__(
        self, *, client_id: str, subscriptions: Sequence[Subscription], will: Callable[[], Will | None]
    ) -> MqttLink: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """What of a control depends on whether another one shares its park."""

    replica: str = ""
    """Its name, which makes its client id its own; empty: there is no other."""
    speaks: Callable[[], bool] = lambda: True
    """Whether it is this one that claims the gateways, keeps their orders and says that the host is here."""
    records: type[Records] = Records
    """What becomes of the records of the edges."""


ALONE = Seat()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What of the centre speaks with the broker."""

    link: MqttLink
    edge: Edge
    presence: Presence
    inbox: Inbox
    sender: Sender
    memory: Memory
    overrides: Overrides
    tickets: Tickets
    speaks: Callable[[], bool]

    def work(self) -> Iterable[Work]:
        """Return what runs for ever."""
        yield "link", self.link.run(self.edge.connected)
        yield "inbox", self.inbox.run()
        yield "edge", self.edge.run()
        yield "sender", self.sender.run()
        yield "memory", self.memory.run()
        yield "overrides", self.overrides.run(self.speaks)
        yield "tickets", self.tickets.run(self.speaks)


def meet(
    core: Core,
    make_link: MakeLink,
    signer: Signer,
    verifier: Verifier,
    frame: Frame,
    *,
    seat: Seat = ALONE,
) -> Outside:
    """Put the centre's side of the broker together; nothing runs yet."""
    park = core.park.id
    heard = (Channel.HEARTBEAT, Channel.RECORDS, Channel.REPLY)
    link = make_link(
        client_id=f"stoplog-control-{park}" + (f"-{seat.replica}" if seat.replica else ""),
        subscriptions=(
            Subscription(topic=state(host_id(park)), qos=1),
            Subscription(topic=f"{SPARKPLUG}/{park}/#", qos=1),
            *(Subscription(topic=ours(park, "+", channel), qos=1) for channel in heard),
        ),
        will=lambda: presence.will(),  # noqa: PLW0108  (it is made after its link)
    )
    presence = Presence(link, core.clock, host_id=host_id(park), speaks=seat.speaks)
    journal = core.journal
    return Outside(
        link=link,
        memory=core.view.memory,
        overrides=core.overrides,
        tickets=core.tickets,
        speaks=seat.speaks,
        presence=presence,
        edge=Edge(
            link,
            core.image,
            core.orders,
            core.term,
            signer,
            core.clock,
            presence=presence,
            speaks=seat.speaks,
        ),
        inbox=_inbox(core, link, presence, signer, verifier, frame, seat.records),
        sender=Sender(
            link, core.image, core.book, core.pen, core.desk, journal.recorder, core.clock, core.changes
        ),
    )


def _inbox(
    core: Core,
    link: MqttLink,
    presence: Presence,
    signer: Signer,
    verifier: Verifier,
    frame: Frame,
    kind: type[Records],
) -> Inbox:
    records = kind(
        park=core.park,
        book=core.book,
        orders=core.orders,
        ledger=core.journal.ledger,
        recorder=core.journal.recorder,
        link=link,
        signer=signer,
        clock=core.clock,
        changes=core.changes,
        listeners=(core.alarms.hear, core.commissioning.hear, core.travels.hear),
    )

    def on_points(refs: tuple[PointRef, ...]) -> None:
        frame.touch(refs)
        core.alarms.see(refs)
        core.commissioning.see(refs)
        core.view.memory.see(refs)
        core.reopener.samples.see(refs)

    return Inbox(
        link,
        core.image,
        verifier,
        records,
        on_points=on_points,
        on_state=presence.hear,
        changes=core.changes,
    )
