"""Our own messages are decoded to what was encoded; a body that lacks a field or has another type is refused."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.approval import Consent
from domain.command import Action, Phase
from domain.errors import RemoteProtocolError
from domain.ids import CommandId, FacilityId, GatewayId, ParkId
from domain.order import Order, OrderKind, OrderSet
from wire import heartbeat, messages
from wire.canonical import Json, dumps, loads
from wire.heartbeat import Heartbeat
from wire.messages import (
    Acknowledgement,
    CommandMessage,
    Evidence,
    OrdersMessage,
    Ranges,
    Record,
    TermMessage,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
whole = st.integers(-(2**53) + 1, 2**53 - 1)
floats = st.floats(allow_nan=False, allow_infinity=False)
parks, gateways, facilities = texts.map(ParkId), texts.map(GatewayId), texts.map(FacilityId)
hashes = st.tuples(texts, texts)
json_values = st.recursive(
    st.none() | st.booleans() | whole | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
orders = st.builds(
    Order,
    id=texts,
    kind=st.sampled_from(OrderKind),
    actuator=facilities,
    by=texts,
    reason=texts,
    since_ms=whole,
    until_ms=st.none() | whole,
)
order_sets = st.builds(
    lambda held, dead: OrderSet().with_orders(*held).with_tombstones(dead),
    st.lists(orders, max_size=4, unique_by=lambda order: order.id),
    st.lists(texts, max_size=3),
)
ranges: st.SearchStrategy[Ranges] = st.lists(
    st.tuples(st.integers(0, 2**40), st.integers(0, 2**40)).map(lambda pair: (min(pair), max(pair))),
    max_size=4,
).map(tuple)

heartbeats = st.builds(
    Heartbeat,
    park=parks,
    gateway=gateways,
    epoch=texts,
    challenge=texts,
    term=whole,
    sent_ms=whole,
    ages_ms=st.dictionaries(texts, st.none() | whole, max_size=3),
    stale_after_ms=st.dictionaries(texts, whole, max_size=3),
    journal_payloads=whole,
    journal_full=st.booleans(),
    records_pending=whole,
    clock_offset_ms=whole,
    definitions=st.dictionaries(texts, hashes, max_size=3),
    orders=texts,
    now_ms=st.none() | whole,
    up_ms=st.none() | whole,
    born_ms=st.none() | whole,
    told=whole,
)
commands = st.builds(
    CommandMessage,
    id=texts.map(CommandId),
    phase=st.sampled_from(Phase),
    park=parks,
    gateway=gateways,
    actuator=facilities,
    action=st.sampled_from(Action),
    parameters=st.dictionaries(texts, floats, max_size=2),
    author=texts,
    reason=texts,
    expires_ms=whole,
    term=whole,
    definition=hashes,
    challenge=texts,
    accepted=st.lists(texts, max_size=3).map(tuple),
    evidence=st.lists(
        st.builds(
            Evidence,
            point=texts,
            value=st.none() | st.booleans() | floats | texts,
            quality=whole,
            age_ms=st.none() | whole,
        ),
        max_size=2,
    ).map(tuple),
    instead_of=st.none() | texts.map(CommandId),
    consent=st.none()
    | st.builds(Consent, by=texts, content_hash=texts, at_ms=whole, basis=texts, is_emergency=st.booleans()),
)
records = st.builds(
    Record,
    park=parks,
    gateway=gateways,
    epoch=texts,
    offset=whole,
    at_ms=whole,
    kind=texts,
    actuator=st.none() | facilities,
    body=st.dictionaries(texts, json_values, max_size=3),
)
acknowledgements = st.builds(
    Acknowledgement, park=parks, gateway=gateways, epoch=texts, received=ranges, durable=ranges
)
order_messages = st.builds(OrdersMessage, park=parks, gateway=gateways, term=whole, orders=order_sets)
terms = st.builds(TermMessage, park=parks, gateway=gateways, term=whole)


def sent(body: Json) -> dict[str, Json]:
    """The body as the peer reads it."""
    return loads(dumps(body))


@given(heartbeats)
def test_heartbeat(message: Heartbeat) -> None:
    assert heartbeat.heartbeat(sent(heartbeat.heartbeat_body(message))) == message


@given(commands)
def test_command(message: CommandMessage) -> None:
    assert messages.command(sent(messages.command_body(message))) == message


@given(records)
def test_record(message: Record) -> None:
    assert messages.record(sent(messages.record_body(message))) == message


@given(acknowledgements)
def test_acknowledgement(message: Acknowledgement) -> None:
    assert messages.acknowledgement(sent(messages.acknowledgement_body(message))) == message


@given(order_messages)
def test_orders(message: OrdersMessage) -> None:
    read = messages.orders(sent(messages.orders_body(message)))
    assert read == message
    assert read.orders.hash() == message.orders.hash()


@given(terms)
def test_term(message: TermMessage) -> None:
    assert messages.term(sent(messages.term_body(message))) == message


CODECS: dict[str, tuple[Callable[[dict[str, Json]], object], st.SearchStrategy[Json]]] = {
    "heartbeat": (heartbeat.heartbeat, heartbeats.map(heartbeat.heartbeat_body)),
    "command": (messages.command, commands.map(messages.command_body)),
    "record": (messages.record, records.map(messages.record_body)),
    "acknowledgement": (messages.acknowledgement, acknowledgements.map(messages.acknowledgement_body)),
    "orders": (messages.orders, order_messages.map(messages.orders_body)),
    "term": (messages.term, terms.map(messages.term_body)),
}
MAY_LACK = {
    "heartbeat": {"now_ms", "up_ms", "born_ms", "told"},
    "command": {"instead_of", "consent"},
    "record": {"actuator"},
}


@pytest.mark.parametrize("name", CODECS)
@given(data=st.data())
def test_a_missing_field_is_refused(name: str, data: st.DataObject) -> None:
    read, bodies = CODECS[name]
    body = sent(data.draw(bodies))
    key = data.draw(st.sampled_from(sorted(body)))
    del body[key]
    if key in MAY_LACK.get(name, set()):
        read(body)
        return
    with pytest.raises(RemoteProtocolError):
        read(body)


@pytest.mark.parametrize("name", CODECS)
@given(data=st.data())
def test_any_other_value_is_read_or_refused_and_nothing_else(name: str, data: st.DataObject) -> None:
    read, bodies = CODECS[name]
    body = sent(data.draw(bodies))
    body[data.draw(st.sampled_from(sorted(body)))] = data.draw(json_values)
    try:
        read(body)
    except RemoteProtocolError:
        return


@pytest.mark.parametrize("name", CODECS)
@given(body=st.dictionaries(texts, json_values, max_size=4))
def test_a_strangers_object_is_refused(name: str, body: dict[str, Json]) -> None:
    with pytest.raises(RemoteProtocolError):
        CODECS[name][0](body)


@pytest.mark.parametrize(
    "bad", [[1], [2, 1], [-1, 3], [1, 2, 3], ["1", "2"], [1.5, 2], [True, True], [0, True], None, 7]
)
def test_ranges_that_are_none(bad: Json) -> None:
    body: dict[str, Json] = {"park": "p", "gateway": "g", "epoch": "e", "received": [bad], "durable": []}
    with pytest.raises(RemoteProtocolError):
        messages.acknowledgement(body)
