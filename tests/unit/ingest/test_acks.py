"""Acknowledgements stay of a size that every gateway reads, however many holes the offsets have."""

import json

from domain.ids import GatewayId, ParkId
from ingest.acks import RANGES_MAX, Acks
from stores.port import PayloadName
from wire.messages import acknowledgement, acknowledgement_body
from wire.signing import Role, load_signer, load_verifier, new_key, public_part

EPOCH = "0" * 32


def names(count: int) -> list[PayloadName]:
    """Every other offset: no two of them make a range."""
    return [PayloadName(GatewayId("gw"), EPOCH, 10**12 + 2 * number) for number in range(count)]


def test_neighbours_are_one_range_and_news_is_said_once() -> None:
    acks = Acks(ParkId("park"))
    acks.received(PayloadName(GatewayId("gw"), EPOCH, number) for number in (3, 1, 2))
    acks.durable([PayloadName(GatewayId("gw"), EPOCH, 1)])
    (said,) = acks.take()
    assert (said.received, said.durable) == (((1, 3),), ((1, 1),))
    assert acks.take() == []


def test_many_holes_are_said_in_several_messages_that_a_gateway_reads() -> None:
    key = new_key(kid="ingest", role=Role.INGEST, identity="ingest")
    signer = load_signer(json.dumps(key))
    verifier = load_verifier(json.dumps({"keys": [public_part(key)]}))
    acks = Acks(ParkId("park"))
    acks.received(names(3 * RANGES_MAX + 1))
    acks.durable(names(RANGES_MAX))
    heard = [
        acknowledgement(verifier.verify(signer.sign(acknowledgement_body(item)), roles={Role.INGEST}).body)
        for item in acks.take()
    ]
    assert len(heard) == 4
    assert sum(len(item.received) for item in heard) == 3 * RANGES_MAX + 1
    assert sum(len(item.durable) for item in heard) == RANGES_MAX


def test_a_message_may_be_as_long_as_we_say() -> None:
    """The library would refuse one of 128 kB, and an order set of a large park is longer."""
    key = new_key(kid="ingest", role=Role.INGEST, identity="ingest")
    token = load_signer(json.dumps(key)).sign({"text": "x" * 700_000})
    verifier = load_verifier(json.dumps({"keys": [public_part(key)]}))
    assert len(str(verifier.verify(token, roles={Role.INGEST}).body["text"])) == 700_000
