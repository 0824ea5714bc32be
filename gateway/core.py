"""The gateway between its doors: what it keeps, sees, decides, does and says, put together; it opens no file and no port."""

from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from domain.ids import GatewayId
from domain.park import Park
from gateway.backfill import Backfill
from gateway.challenges import Challenges
from gateway.desk import Desk
from gateway.edge_node import EdgeNode
from gateway.executor import Executor
from gateway.field import Field, Station
from gateway.heartbeat import Pulse
from gateway.image import DeviceImage
from gateway.intake import Intake, subscriptions
from gateway.keeper import Keeper
from gateway.lane import Lane
from gateway.outside import MakeLink, Outside
from gateway.overrides import Overrides
from gateway.plc_heartbeat import PlcHeartbeats
from gateway.publisher import Publisher
from gateway.pulses import Spawn
from gateway.records import Records
from gateway.recovery import recover
from gateway.storage import Storage
from gateway.telemetry_metrics import TelemetryMetrics
from gateway.telling import Telling
from gateway.transcript import Transcript
from gateway.travels import Travels
from gateway.unbelieved import Unbelieved
from gateway.watch import Watch
from runtime.clock import Clock
from wire.signing import Role, Signer, Verifier
from wire.topics import Channel, ours

Work = tuple[str, Coroutine[object, object, None]]
"""A name, and what runs under it for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which gateway this is, and by which keys it speaks and believes."""

    park: Park
    gateway: GatewayId
    signer: Signer
    verifier: Verifier
    challenge_validity_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The gateway's parts, as its doors use them."""

    clock: Clock
    storage: Storage
    outside: Outside
    field: Field
    records: Records
    publisher: Publisher
    transcript: Transcript
    executor: Executor
    watch: Watch
    keeper: Keeper
    desk: Desk
    pulse: Pulse
    plc_heartbeats: PlcHeartbeats
    intake: Intake
    old_samples: Backfill
    old_records: Backfill
    lanes: tuple[tuple[str, Lane], ...]

    def recover(self) -> None:
        """Say of what was being executed when the last run ended that its outcome is not known."""
        storage = self.storage
        recover(
            storage.ledger,
            self.field,
            self.executor,
            self.transcript,
            self.records,
            epoch=storage.epoch,
            now_ms=self.clock.now_ms(),
            left=storage.records.left(),
        )

    def work(self, watch: Callable[[str], Callable[[], None]]) -> Iterable[Work]:
        """Return everything that runs for ever but polls and the broker; `watch` gives what a task calls at every turn."""
        yield "samples again", self.old_samples.run()
        yield "samples to disk", self.old_samples.keep()
        yield "records again", self.old_records.run()
        yield "records to disk", self.old_records.keep()
        yield "sample clock", self.storage.times.run()
        for name, lane in self.lanes:
            yield name, lane.run()
        yield "intake", self.intake.run()
        yield "housekeeping", self.keeper.run(self.desk, watch("housekeeping"))
        link = self.outside.link
        yield "plc heartbeats", self.plc_heartbeats.run(watch("plc heartbeats"))
        yield "heartbeat", self.pulse.run(lambda: link.is_connected, watch("heartbeat"))

    def meet(self) -> Coroutine[object, object, None]:
        """Return the connection to the broker, which is kept for ever."""
        return self.outside.run(self._connected, self.publisher.lost)

    async def _connected(self) -> None:
        self.storage.ledger.meet_broker()
        self.publisher.birth()
        self.pulse.beat()
        self.storage.samples.reconnected()
        self.storage.records.reconnected()


def assemble(
    identity: Identity,
    storage: Storage,
    make_link: MakeLink,
    stations: Sequence[Station],
    *,
    clock: Clock,
    metrics: TelemetryMetrics,
    spawn: Spawn,
    others: Sequence[DeviceImage] = (),
) -> Core:
    """Put the gateway together; nothing runs yet. `others` are devices that nobody polls or commands."""
    park, gateway, verifier = identity.park, identity.gateway, identity.verifier
    node = EdgeNode(park=park.id, gateway=gateway, bd_seq=storage.ledger.bd_seq)
    outside = Outside(
        make_link,
        node,
        client_id=gateway,
        subscriptions=subscriptions(park.id, gateway),
        keep_bd_seq=storage.ledger.keep_bd_seq,
    )
    # Three lanes, so that no heartbeat waits for the broker's answer to a record, nor behind a burst of samples.
    live, reports, early = (
        Lane(outside.publish, outside.publish_at_once),
        Lane(outside.publish),
        Lane(outside.publish, outside.publish_early),
    )
    records = Records(
        storage.records, identity.signer, reports, early, park=park.id, gateway=gateway, clock=clock
    )
    field = Field(park, stations, clock, others=others)
    publisher = Publisher(node, field.images, storage.samples, live, clock=clock, metrics=metrics)
    transcript = Transcript(storage.ledger, records, field, clock=clock, metrics=metrics)
    executor = Executor(field, transcript, Travels(storage.ledger, field), clock=clock, spawn=spawn)
    overrides = Overrides(field, storage.ledger, records, clock, lambda: storage.times.is_off)
    watch = Watch(
        field,
        executor,
        transcript,
        ledger=storage.ledger,
        records=records,
        overrides=overrides,
        clock=clock,
    )
    keeper = Keeper(
        clock=clock,
        samples=storage.samples,
        records_journal=storage.records,
        records=records,
        ledger=storage.ledger,
        publisher=publisher,
        metrics=metrics,
        rounds=(field.memory.look, overrides.look),
    )
    challenges = Challenges()
    unbelieved = Unbelieved(records, field.known, clock)
    desk = Desk(
        field,
        executor,
        transcript,
        ledger=storage.ledger,
        records=records,
        challenges=challenges,
        overrides=overrides,
        unbelieved=unbelieved,
        definitions=field.definitions,
        verifier=verifier,
        clock=clock,
        challenge_validity_s=identity.challenge_validity_s,
        is_full=keeper.is_full,
    )
    pulse = Pulse(
        field.images,
        node,
        clock=clock,
        challenges=challenges,
        journal=storage.samples,
        records=records,
        ledger=storage.ledger,
        times=storage.times,
        definitions=field.definitions,
        signer=identity.signer,
        lane=early,
        is_full=keeper.is_full,
    )
    again = partial(Backfill, link=outside.link, clock=clock, verifier=verifier, gateway=gateway)
    old_samples = again(
        storage.samples,
        topic=ours(park.id, gateway, Channel.HISTORY),
        qos=0,
        receiver=Role.INGEST,
        behind=live,
    )
    old_records = again(
        storage.records,
        topic=ours(park.id, gateway, Channel.RECORDS),
        qos=1,
        receiver=Role.CONTROL,
        behind=reports,
    )
    intake = Intake(
        outside.link,
        desk=desk,
        watch=watch,
        ledger=storage.ledger,
        samples=old_samples,
        records=old_records,
        publisher=publisher,
        unbelieved=unbelieved,
        verifier=verifier,
        park=park.id,
        gateway=gateway,
        clock=clock,
        compare=Telling(storage.ledger, records, field.definitions).heard,
    )
    return Core(
        clock=clock,
        storage=storage,
        outside=outside,
        field=field,
        records=records,
        publisher=publisher,
        transcript=transcript,
        executor=executor,
        watch=watch,
        keeper=keeper,
        desk=desk,
        pulse=pulse,
        plc_heartbeats=PlcHeartbeats(field, clock=clock, spawn=spawn),
        intake=intake,
        old_samples=old_samples,
        old_records=old_records,
        lanes=(("live", live), ("reports", reports), ("early", early)),
    )
