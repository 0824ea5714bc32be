"""Our own messages word for word: what stands under which name, and which name a refusal gives."""

from collections.abc import Callable, Mapping

import pytest

from domain.approval import Consent
from domain.command import Action, Phase
from domain.errors import RemoteProtocolError
from domain.ids import CommandId, FacilityId, GatewayId, ParkId
from domain.order import Order, OrderKind, OrderSet
from wire import messages
from wire.canonical import Json
from wire.messages import Acknowledgement, CommandMessage, Evidence, OrdersMessage, Record, TermMessage

COMMAND: dict[str, Json] = {
    "id": "c-1",
    "phase": "operate",
    "park": "p",
    "gateway": "gw",
    "actuator": "gate",
    "action": "set",
    "parameters": {"opening_percent": 40.0},
    "author": "wang",
    "reason": "drill",
    "expires_ms": 1,
    "term": 2,
    "definition": ["drive", "whole"],
    "challenge": "x",
    "accepted": ["held: gate"],
    "evidence": [{"point": "pool/level", "value": 1.5, "quality": 192, "age_ms": 3}],
    "instead_of": "c-0",
    "consent": {"by": "li", "content_hash": "h", "at_ms": 4, "basis": "call", "is_emergency": True},
}
ORDER: dict[str, Json] = {
    "id": "o-1",
    "kind": "override",
    "actuator": "gate",
    "by": "wang",
    "reason": "drill",
    "since_ms": 5,
    "until_ms": 6,
    "interlock": "basin_high",
    "condition": "pool/level > 1",
    "second": "li",
}
ORDERS: dict[str, Json] = {"park": "p", "gateway": "gw", "term": 2, "orders": [ORDER], "tombstones": ["o-0"]}
RECORD: dict[str, Json] = {
    "park": "p",
    "gateway": "gw",
    "epoch": "e",
    "offset": 7,
    "at_ms": 8,
    "kind": "mode",
    "actuator": None,
    "body": {"a": 1},
}
PARK, GATEWAY, GATE = ParkId("p"), GatewayId("gw"), FacilityId("gate")


def test_a_command_word_for_word() -> None:
    message = CommandMessage(
        id=CommandId("c-1"), phase=Phase.OPERATE, park=PARK, gateway=GATEWAY, actuator=GATE,
        action=Action.SET, parameters={"opening_percent": 40.0}, author="wang", reason="drill", expires_ms=1,
        term=2, definition=("drive", "whole"), challenge="x", accepted=("held: gate",),
        evidence=(Evidence(point="pool/level", value=1.5, quality=192, age_ms=3),),
        instead_of=CommandId("c-0"),
        consent=Consent(by="li", content_hash="h", at_ms=4, basis="call", is_emergency=True),
    )  # fmt: skip
    assert messages.command_body(message) == COMMAND
    assert messages.command(COMMAND) == message


def test_an_order_word_for_word() -> None:
    order = Order(
        id="o-1", kind=OrderKind.OVERRIDE, actuator=GATE, by="wang", reason="drill", since_ms=5, until_ms=6,
        interlock="basin_high", condition="pool/level > 1", second="li",
    )  # fmt: skip
    held = OrderSet().with_orders(order).with_tombstones(frozenset({"o-0"}))
    message = OrdersMessage(park=PARK, gateway=GATEWAY, term=2, orders=held)
    assert messages.orders_body(message) == ORDERS
    assert messages.orders(ORDERS) == message


def test_records_acknowledgements_and_terms_word_for_word() -> None:
    record = Record(
        park=PARK, gateway=GATEWAY, epoch="e", offset=7, at_ms=8, kind="mode", actuator=None, body={"a": 1}
    )
    assert (messages.record_body(record), messages.record(RECORD)) == (RECORD, record)
    heard: dict[str, Json] = {"park": "p", "gateway": "gw", "epoch": "e", "received": [[0, 3]], "durable": []}
    taken = Acknowledgement(park=PARK, gateway=GATEWAY, epoch="e", received=((0, 3),), durable=())
    assert (messages.acknowledgement_body(taken), messages.acknowledgement(heard)) == (heard, taken)
    claim: dict[str, Json] = {"park": "p", "gateway": "gw", "term": 2, "claim": "term"}
    claimed = TermMessage(park=PARK, gateway=GATEWAY, term=2)
    assert (messages.term_body(claimed), messages.term(claim)) == (claim, claimed)


@pytest.mark.parametrize(
    ("read", "body", "name", "value", "said"),
    [
        (messages.command, COMMAND, "definition", ["drive"], "^definition: two hashes are wanted"),
        (messages.command, COMMAND, "accepted", [1], "^the field accepted must be a string"),
        (messages.command, COMMAND, "evidence", [1], "^the field evidence must be an object"),
        (messages.command, COMMAND, "consent", 1, "^the field consent must be an object"),
        (
            messages.command,
            COMMAND,
            "parameters",
            {"opening_percent": True},
            "^the field opening_percent must",
        ),
        (messages.orders, ORDERS, "orders", [1], "^the field orders must be an object"),
        (messages.orders, ORDERS, "tombstones", [1], "^the field tombstones must be a string"),
        (messages.record, RECORD, "actuator", 1, "^the field actuator must be a string"),
    ],
)
def test_a_refusal_names_the_field(
    read: Callable[[Mapping[str, Json]], object], body: dict[str, Json], name: str, value: Json, said: str
) -> None:
    with pytest.raises(RemoteProtocolError, match=said):
        read({**body, name: value})
