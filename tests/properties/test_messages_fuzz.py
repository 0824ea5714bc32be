"""Whatever is said on our own topics is decoded or refused; what a gateway's own key has signed may be nonsense and breaks nothing."""

import base64
import json
from collections.abc import Callable, Mapping
from functools import cache

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from control.commands.reports import named, report
from control.live.views import gateway_view, point_view
from control.presence import says_away
from domain.errors import RemoteProtocolError
from domain.ids import FacilityId, GatewayId
from gateway.unbelieved import _claim
from tests.unit.control.world import BEAT, GW, OUTLET, PARK, image, ref
from wire import heartbeat, messages
from wire.canonical import Json, dumps, loads
from wire.heartbeat import Heartbeat
from wire.messages import Record
from wire.signing import ALGORITHM, Role, Signer, Verifier, load_signer, load_verifier, new_key, public_part

DECODERS = [
    heartbeat.heartbeat, messages.command, messages.record, messages.acknowledgement, messages.orders, messages.term,
]  # fmt: skip
NAMES = [
    "park", "gateway", "epoch", "challenge", "term", "sent_ms", "ages_ms", "stale_after_ms", "journal_payloads", "journal_full",
    "records_pending", "clock_offset_ms", "definitions", "orders", "id", "phase", "actuator", "action", "parameters", "author",
    "reason", "expires_ms", "definition", "accepted", "evidence", "instead_of", "offset", "at_ms", "kind", "body", "received",
    "durable", "hash", "state", "reasons", "warnings", "order", "by", "since_ms", "until_ms", "tombstones", "opening_percent",
]  # fmt: skip
texts = st.sampled_from(["", "gw", "p", "plc", "hc_outlet", "command", "operate", "close", "open", "confirmed", "keep_closed", "x" * 3000, "é", "\0"])  # fmt: skip
numbers = st.sampled_from([0, 1, -1, 2**53, -(2**53), 2**63, 10**30, 1e308, -1e308, 0.5])
leaves = st.none() | st.booleans() | numbers | texts
values: st.SearchStrategy[Json] = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | texts, inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
bodies = st.dictionaries(st.sampled_from(NAMES), values, max_size=12)
NO_HURRY = settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])


@cache
def key() -> tuple[Signer, Verifier]:
    private = new_key(kid="g1", role=Role.GATEWAY, identity="gw")
    return load_signer(json.dumps(private)), load_verifier(json.dumps({"keys": [public_part(private)]}))


def part(content: object) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=")


@pytest.mark.parametrize("decode", DECODERS)
@NO_HURRY
@given(body=bodies)
def test_any_body_is_a_message_or_is_refused(
    decode: Callable[[Mapping[str, Json]], object], body: dict[str, Json]
) -> None:
    try:
        decode(body)
    except RemoteProtocolError:
        return


headers = st.dictionaries(
    st.sampled_from(["alg", "kid", "crit", "b64", "zip", "typ", "cty", "jwk", "jku", "x5c", "x5u", "p2c", "enc", "exp"]),
    st.sampled_from([ALGORITHM, "none", "EdDSA", "HS256", "g1", ["b64"], [], {}, None, 1, True, "http://x/", ["g1"], 10**400]),
    max_size=5,
)  # fmt: skip
tokens = st.one_of(
    st.binary(max_size=60),
    st.tuples(headers.map(part), bodies.map(part), st.binary(max_size=70).map(lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"="))).map(b".".join),
    st.text('abc.=-_{}"é\0', max_size=30).map(str.encode),
)  # fmt: skip


@NO_HURRY
@given(tokens)
@example(b"." * 100_000)
@example(b"e30." + b"A" * 900_000 + b".A")
@example(part({"alg": ALGORITHM, "kid": "g1"}) + b"." + b"[" * 100_000 + b".")
@example(part("[" * 5000) + b".e30.AA")
@example(base64.urlsafe_b64encode(b"[" * 90_000) + b".e30.AA")
@example(base64.urlsafe_b64encode(b'{"alg":' + b"9" * 5000 + b"}") + b".e30.AA")
@example(base64.urlsafe_b64encode(b'{"kid":"g1","alg":"Ed25519","alg":"none"}') + b".e30.AA")
def test_any_token_is_refused_without_its_key(token: bytes) -> None:
    _, verifier = key()
    with pytest.raises(RemoteProtocolError):
        verifier.verify(token, roles=list(Role))
    assert isinstance(_claim(token), dict)


@NO_HURRY
@given(bodies)
def test_what_is_signed_comes_out_as_it_went_in(body: dict[str, Json]) -> None:
    signer, verifier = key()
    try:
        said = dumps(body)
    except (ValueError, OverflowError):
        return
    assert verifier.verify(signer.sign(body), roles={Role.GATEWAY}).body == loads(said)


@NO_HURRY
@given(
    st.sampled_from(["command", "cutoff", "order", "mode", "moved_by_hand", "refused_write", "journal", "start", "crossing", "?"]),
    bodies,
    st.sampled_from([None, OUTLET, FacilityId("nowhere"), FacilityId("")]),
    st.sampled_from([0, -1, 2**53 - 1]),
)  # fmt: skip
def test_any_record_of_a_gateway_is_taken_down(
    kind: str, body: dict[str, Json], actuator: FacilityId | None, number: int
) -> None:
    made = Record(
        park=PARK.id, gateway=GW, epoch="a" * 32, offset=number, at_ms=number, kind=kind, actuator=actuator, body=body
    )  # fmt: skip
    try:
        dumps(messages.record_body(made))
    except (ValueError, OverflowError):
        return  # refused at the door: it could not stand in the audit log
    named(made)
    found = report(made, None, PARK)
    assert found.change is not None


@NO_HURRY
@given(bodies, st.sampled_from([{}, {"plc": 5}, {"plc": -1}, {"plc": 10**400}, {"x": 1}]))
@example({}, {"plc": 10**400})
@example({"epoch": ""}, {"plc": 10**400})
def test_any_heartbeat_of_a_gateway_can_be_shown(body: dict[str, Json], ages: dict[str, int]) -> None:
    whole = heartbeat.heartbeat_body(BEAT)
    assert isinstance(whole, dict)
    ours: dict[str, Json] = {**whole, **{name: value for name, value in body.items() if name in whole}}
    try:
        beat: Heartbeat = heartbeat.heartbeat({**ours, "park": PARK.id, "gateway": GW, "ages_ms": ages})
    except RemoteProtocolError:
        return
    made = image()
    made.hear(beat, now_s=101.0)
    json.dumps(point_view(made, ref("hc_outlet/closed"), now_s=102.0), allow_nan=False).encode()
    json.dumps(gateway_view(made, GatewayId(GW), now_s=102.0), allow_nan=False)


@given(st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()))
@example(b"[" * 1000)
@example(b'{"online": false' + b" " * 5000 + b"}")
@example(b"9" * 999)
def test_any_state_is_a_death_or_not(said: bytes) -> None:
    assert says_away(said) in {True, False}
