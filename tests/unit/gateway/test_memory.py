"""What the gateway remembers: challenges, the ledger across a kill, records on a full disk, a flood of unbelieved commands."""

import base64
import json
from pathlib import Path

import pytest

from domain.command import Action, Phase, State
from domain.errors import StorageError
from domain.ids import CommandId, FacilityId, GatewayId, ParkId
from domain.order import Order, OrderKind, OrderSet
from domain.refusal import Cause, Code
from gateway.challenges import CHALLENGES_MAX, Challenges
from gateway.edge_node import EdgeNode
from gateway.heartbeat import Pulse
from gateway.lane import Lane
from gateway.ledger import Ledger
from gateway.ledger_entry import Entry
from gateway.records import Records
from gateway.timekeeper import Timekeeper
from gateway.unbelieved import BURST, Unbelieved
from runtime.clock import ManualClock
from runtime.journal import Journal
from runtime.journal_format import region_of, scan
from wire.heartbeat import heartbeat
from wire.messages import record
from wire.signing import Role, load_signer, load_verifier, new_key, public_part

KEY = new_key(kid="k", role=Role.GATEWAY, identity="gw")
SIGNER = load_signer(json.dumps(KEY))
VERIFIER = load_verifier(json.dumps({"keys": [public_part(KEY)]}))
ORDER = Order(
    id="o", kind=OrderKind.KEEP_CLOSED, actuator=FacilityId("gate"), by="wang", reason="超标", since_ms=1
)


def entry(number: int = 1, state: State = State.REQUESTED) -> Entry:
    return Entry(
        id=CommandId(f"{number:032x}"),
        phase=Phase.OPERATE,
        hash="h",
        actuator=FacilityId("gate"),
        action=Action.SET,
        author="wang",
        reason="因",
        parameters={"opening_percent": 40.0},
        state=state,
        record=b"token",
        at_ms=number,
    )


def test_sessions_are_numbered_from_0_and_go_on_after_a_restart(tmp_path: Path) -> None:
    numbers = []
    for _ in range(2):
        ledger = Ledger.open(tmp_path / "ledger.sqlite")
        node = EdgeNode(park=ParkId("p"), gateway=GatewayId("gw"), bd_seq=ledger.bd_seq)
        for _ in range(2):
            node.will()
            ledger.keep_bd_seq(node.bd_seq)
            numbers.append(node.bd_seq)
        ledger.close()
    assert numbers == [0, 1, 2, 3]


def test_a_challenge_ages_and_is_forgotten() -> None:
    challenges = Challenges()
    challenges.issue("a", now_s=10)
    assert challenges.age_s("a", now_s=12.5) == 2.5
    assert challenges.age_s("b", now_s=12.5) is None
    for n in range(CHALLENGES_MAX):
        challenges.issue(str(n), now_s=20)
    assert challenges.age_s("a", now_s=20) is None


def test_the_ledger_knows_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger.open(path)
    assert ledger.put(entry(1))
    assert ledger.put(entry(2, State.CONFIRMED))
    assert ledger.raise_term(7)
    assert not ledger.raise_term(6)
    ledger.hold(OrderSet().with_orders(ORDER).with_tombstones(["dead"]))
    ledger.meet_broker()
    again = Ledger.open(path)  # the first was never closed
    assert again.entry(CommandId(f"{1:032x}"), Phase.OPERATE) == entry(1)
    assert [one.id for one in again.unfinished()] == [entry(1).id]
    assert (again.term, again.orders, again.has_met_broker) == (7, ledger.orders, True)


def test_a_ledger_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(StorageError):
        Ledger.open(tmp_path / "ledger.sqlite")


def test_while_the_disk_takes_nothing_the_ledger_goes_on_from_memory(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.sqlite")
    ledger._database.execute("pragma query_only=on")
    assert not ledger.put(entry(1))
    ledger.raise_term(3)
    assert ledger.is_failing
    assert ledger.entry(entry(1).id, Phase.OPERATE) == entry(1)
    ledger._database.execute("pragma query_only=off")
    assert ledger.flush()
    assert not ledger.is_failing
    again = Ledger.open(tmp_path / "ledger.sqlite")
    assert (again.term, again.entry(entry(1).id, Phase.OPERATE)) == (3, entry(1))


def test_the_ledger_forgets_the_oldest_on_a_full_disk_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.ledger.ENTRIES_MAX", 20)
    ledger = Ledger.open(tmp_path / "ledger.sqlite")
    for number in range(20):
        assert ledger.put(entry(number, State.CONFIRMED))
    ledger._database.execute("pragma query_only=on")
    assert not ledger.put(entry(20))
    assert ledger.entry(entry(0).id, Phase.OPERATE) is None
    ledger._database.execute("pragma query_only=off")
    assert ledger.flush()
    assert ledger.put(entry(21, State.CONFIRMED))
    again = Ledger.open(tmp_path / "ledger.sqlite")
    assert again.entry(entry(21).id, Phase.OPERATE) is not None


class FullJournal(Journal):
    """A journal whose disk can be filled and emptied."""

    has_room = True

    def append(self, *args: object, **kwargs: object) -> int:
        if not self.has_room:
            self.is_full = True
            message = "full"
            raise StorageError(message)
        return super().append(*args, **kwargs)  # type: ignore[arg-type]


async def unheard(topic: str, payload: bytes, qos: int) -> None:
    return


def build(folder: Path) -> tuple[FullJournal, Records, ManualClock]:
    clock = ManualClock()
    journal = FullJournal.open(folder, gateway="gw", epoch="a" * 32, clock=clock)
    assert isinstance(journal, FullJournal)
    records = Records(
        journal, SIGNER, Lane(unheard), Lane(unheard), park=ParkId("p"), gateway=GatewayId("gw"), clock=clock
    )
    return journal, records, clock


def on_disk(folder: Path) -> list[tuple[int, str]]:
    found = []
    for path in folder.glob("*.journal"):
        header, region = region_of(path.read_bytes())
        for item in scan(region, header.first_offset):
            said = record(VERIFIER.verify(item.payload, roles={Role.GATEWAY}).body)
            assert said.offset == item.offset
            found.append((said.offset, said.kind))
    return sorted(found)


def test_records_are_numbered_without_gaps_through_a_full_disk(tmp_path: Path) -> None:
    journal, records, _ = build(tmp_path)
    records.make("start", {})
    journal.has_room = False
    assert records.next_id == f"gw:{'a' * 32}:1"
    records.make("cutoff", {})
    records.make("order", {})
    assert records.is_full
    assert records.pending == 3
    assert on_disk(tmp_path) == [(0, "start")]
    journal.has_room = True
    assert records.flush()
    records.make("mode", {})
    assert on_disk(tmp_path) == [(0, "start"), (1, "cutoff"), (2, "order"), (3, "mode")]


def test_a_flood_of_forged_commands_fills_no_disk(tmp_path: Path) -> None:
    journal, records, clock = build(tmp_path)
    unbelieved = Unbelieved(records, frozenset({FacilityId("gate")}), clock)
    for n in range(1000):
        unbelieved.command(f"not.a.token{n}".encode(), Cause(code=Code.SIGNATURE))
    assert journal.depth == BURST
    clock.advance(1)
    unbelieved.write("spBv1.0/p/DCMD/gw/plc", "write")
    assert on_disk(tmp_path)[-1][1] == "refused_write"


@pytest.mark.parametrize(
    ("header", "claim"),
    [
        (b"{}", b'{"id":"\xed\xa0\x80"}'),
        (b"{}", b'{"id":"\\ud800"}'),
        (b'{"crit":1}', b'{"id":"c"}'),
        (b'{"crit":[1]}', b'{"id":"c"}'),
        (b"[]", b"[]"),
        (b"{}", b'{"id":' + b"[" * 10_000 + b"}"),
    ],
)
def test_what_a_stranger_claims_is_recorded_whatever_it_is(
    tmp_path: Path, header: bytes, claim: bytes
) -> None:
    _, records, clock = build(tmp_path)
    token = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, claim, b""))
    unbelieved = Unbelieved(records, frozenset({FacilityId("gate")}), clock)
    unbelieved.command(token, Cause(code=Code.SIGNATURE))
    assert [kind for _, kind in on_disk(tmp_path)] == ["command"]


class SetBack(ManualClock):
    """A machine whose time of day is set back."""

    back_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() - self.back_ms


def test_the_pulse_goes_on_when_the_time_of_day_is_set_back(tmp_path: Path) -> None:
    journal, records, _ = build(tmp_path / "records")
    clock, lane = SetBack(), Lane(unheard)
    pulse = Pulse(
        [], EdgeNode(park=ParkId("lingang"), gateway=GatewayId("gw"), bd_seq=0),
        clock=clock, challenges=Challenges(), journal=journal, records=records,
        ledger=Ledger.open(tmp_path / "ledger.sqlite"), times=Timekeeper(tmp_path / "clock", clock, is_slewed=False),
        definitions={}, signer=SIGNER, lane=lane, is_full=lambda: False,
    )  # fmt: skip
    pulse.beat()
    clock.back_ms = 3_600_000
    pulse.beat()
    first, second = (
        heartbeat(VERIFIER.verify(token, roles={Role.GATEWAY}).body) for _, token, _ in lane._waiting
    )
    assert second.sent_ms > first.sent_ms
